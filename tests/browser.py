"""A real Chromium without a screen, and what tests look at in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

MODE = "CASCADE_BROWSER"
"""``required``: a test without a browser fails and is not skipped; ``off``: each is skipped."""

AXE = "CASCADE_AXE"
"""The path of axe-core's ``axe.min.js``."""

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)


def skip_or_fail(why: str) -> None:
    """Tests that cannot see are skipped, but not where they decide what lands."""
    if os.environ.get(MODE) == "required":
        pytest.fail(f"{MODE}=required, but {why}")
    pytest.skip(why)


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """Start Chromium with a profile of its own, listening to its console and its requests."""
    if os.environ.get(MODE) == "off":
        pytest.skip(f"{MODE}=off")
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ModuleNotFoundError:
        skip_or_fail("selenium is not installed")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        skip_or_fail("there is no Chromium: install Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield started
    finally:
        started.quit()


def axe_source() -> str:
    """The script of axe-core."""
    named = os.environ.get(AXE)
    path = Path(named) if named else Path("node_modules/axe-core/axe.min.js")
    if not path.is_file():
        skip_or_fail(f"there is no {path}: npm install axe-core, and name its file in {AXE}")
    return path.read_text("utf-8")


class Page:
    """A page in the browser, as its reader uses it.

    Args:
        driver: The browser.
        path: The file to open.
        view: What stands behind ``#`` in its address.
    """

    def __init__(self, driver: Any, path: Path, view: str = "") -> None:
        self.driver = driver
        self._url = path.resolve().as_uri()
        driver.get("about:blank")
        for log in ("browser", "performance"):
            driver.get_log(log)  # what came before is another page's, or the browser's first one
        self.resize(1280, 900)
        self.emulate("light")
        self.open(view)

    def open(self, view: str = "") -> None:
        """Load the page anew, as from a link that somebody was sent."""
        self.driver.get("about:blank")
        self.driver.get(f"{self._url}#{view}" if view else self._url)
        self.wait("return !document.getElementById('rows') || shown.textContent !== ''")

    def resize(self, width: int, height: int) -> None:
        """Give the window another size, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def emulate(self, scheme: str, media: str = "screen") -> None:
        """Show it to a reader who prefers a scheme, or on paper."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": media, "features": [feature]}
        )

    def wait(self, script: str) -> None:
        """Wait until a script returns something true."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 10, 0.02).until(lambda driver: driver.execute_script(script))

    def ask(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[Any]:
        """The elements that a selector finds and that are to be seen."""
        found = self.driver.find_elements("css selector", selector)
        return [element for element in found if element.is_displayed()]

    def one(self, selector: str) -> Any:
        """The one element that it finds."""
        (element,) = self.all(selector)
        return element

    def texts(self, selector: str) -> list[str]:
        """Their texts, as they are shown."""
        return [element.text for element in self.all(selector)]

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    @property
    def view(self) -> str:
        """What stands behind ``#`` in the address."""
        return str(self.ask("return decodeURIComponent(location.hash.slice(1))"))

    @property
    def focused(self) -> str:
        """The text, or else the name, of what has the focus."""
        return str(
            self.ask("const e = document.activeElement; return e.innerText || e.id || e.value")
        )

    @property
    def overflow(self) -> int:
        """How many pixels it is wider than the window."""
        return int(self.ask("return document.documentElement.scrollWidth - innerWidth"))

    def console(self) -> list[str]:
        """What the browser complained of."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for, those of the page itself left out."""
        entries = [json.loads(each["message"]) for each in self.driver.get_log("performance")]
        asked = [
            each["message"]["params"]["request"]["url"]
            for each in entries
            if each["message"]["method"] == "Network.requestWillBeSent"
        ]
        assert any(url.startswith(self._url) for url in asked)
        return [url for url in asked if not url.startswith((self._url, "about:"))]

    def violations(self, axe: str) -> list[str]:
        """What axe-core finds that is serious or worse."""
        self.ask(axe)
        found = self.driver.execute_async_script(
            "axe.run(document, {resultTypes: ['violations']}).then(arguments[0])"
        )
        return [
            f"{each['impact']}: {each['id']}: {each['nodes'][0]['html'][:200]}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]
