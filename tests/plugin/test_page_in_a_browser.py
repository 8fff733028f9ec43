"""The page as its readers see it: in a real Chromium, with a mouse, a keyboard and on paper.

The page is that of a real run: the examples with three planted faults, and benchmarks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from browser import Page, axe_source, chromium
from planted import plant

EXAMPLES = Path(__file__).parents[2] / "examples"

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
pythonpath = examples/another_engine
xfail_strict = true
"""

CAUGHT = "examples/test_plan_cache.py::test_one_resolve_declared"

OPEN = f"open={CAUGHT}"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def real_run(driver, tmp_path_factory):
    """The page of the examples with their faults; that of `.ci/run`, if it made one."""
    if "CASCADE_PAGE" in os.environ:
        return Path(os.environ["CASCADE_PAGE"])
    folder = tmp_path_factory.mktemp("real_run")
    shutil.copytree(EXAMPLES, folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    plant(folder)
    return page_in(folder, "examples", "--cascade-bench", "--cascade-bench-max-time=0")


def page_in(folder, *options):
    """Run what is in a folder."""
    (folder / "pytest.ini").write_text(INI)
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, "--cascade-report=page.html", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (folder / "page.html").is_file(), ran.stdout + ran.stderr
    return folder / "page.html"


@pytest.fixture
def page(driver, real_run):
    """Fails if anything was asked for or complained of while the test looked at it."""
    opened = Page(driver, real_run)
    yield opened
    assert opened.console() == []
    assert opened.requests() == []


@pytest.fixture
def made(driver, tmp_path):
    """Gives the page of a suite."""

    def make(source, *options):
        (tmp_path / "test_it.py").write_text("import cascade_core as cs\nimport pytest\n" + source)
        return Page(driver, page_in(tmp_path, *options))

    return make


def names(page):
    return page.texts("#rows > tbody > tr > th")


def column(page, number):
    return [
        int(text.split()[0].replace(",", "")) if text != "-" else -1
        for text in page.texts(f"#rows > tbody > tr:not(.detail) > td:nth-child({number})")
    ]


# -- what failed, and why -----------------------------------------------------------------------


def test_the_verdict_is_what_a_reader_sees_first(page):
    page.resize(1280, 800)

    assert page.one("h1").text.endswith("5 tests did unexpected work")
    assert page.texts("header p")[0] == "1 failure of other kinds."
    first = page.all(".failure pre")[0]
    assert first.rect["y"] + 40 < 800
    text = "\n".join(page.texts(".failure"))
    assert "expect_resolves(1): the solver was called" in text
    assert "new task:" in text
    assert "structure:" in text


def test_a_failure_at_the_top_leads_to_its_test(page):
    link = next(each for each in page.all(".failure a") if CAUGHT in each.text)
    link.click()

    page.wait("return document.querySelector('.detail')")
    assert page.view == OPEN
    assert page.focused.endswith(CAUGHT)
    assert "Verdict" in page.texts(".detail h4")


# -- sort, filter and search, kept in the address -----------------------------------------------


def test_rows_are_sorted_by_a_click_and_again_by_another(page):
    page.one("th[data-sort=resolves] button").click()
    most_first = names(page)

    assert column(page, 3) == sorted(column(page, 3), reverse=True)
    assert page.one("th[aria-sort]").get_attribute("aria-sort") == "descending"
    assert page.view == "sort=resolves&dir=descending"

    page.one("th[data-sort=resolves] button").click()

    assert column(page, 3) == sorted(column(page, 3))
    assert page.one("th[aria-sort]").get_attribute("aria-sort") == "ascending"

    page.open("sort=resolves&dir=descending")

    assert names(page) == most_first


@pytest.mark.parametrize("key", ["test", "verdict", "hits", "misses", "iterations", "executions"])
def test_every_column_sorts(page, key):
    page.one(f"th[data-sort={key}] button").click()
    once = names(page)
    page.one(f"th[data-sort={key}] button").click()

    assert page.one("th[aria-sort]").get_attribute("data-sort") == key
    assert sorted(once) == sorted(names(page))
    assert once != names(page)


def test_rows_are_filtered_by_verdict(page):
    every = len(names(page))
    chip = next(each for each in page.all(".chip") if "unexpected work" in each.text)
    chip.click()

    assert set(page.texts("#rows > tbody > tr > td:nth-child(2)")) == {"unexpected work"}
    assert len(names(page)) == 5
    assert page.one("#shown").text == f"5 of {every} rows"
    assert page.view == "show=unexpected"

    page.open("show=unexpected")

    assert len(names(page)) == 5


def test_rows_are_searched_by_words_in_any_order_and_case(page):
    page.one("#query").send_keys("DECLARED plan_cache")

    found = names(page)
    assert [name.endswith(CAUGHT) for name in found] == [True]
    assert page.view == "q=DECLARED+plan_cache"

    page.open("q=DECLARED+plan_cache")

    assert names(page) == found
    assert page.one("#query").get_attribute("value") == "DECLARED plan_cache"


def test_a_search_that_finds_nothing_says_so_and_is_undone(page):
    every = len(names(page))
    page.one("#query").send_keys("no such test")

    assert names(page) == []
    assert page.one("#shown").text == f"0 of {every} rows"

    page.one("#query").clear()
    page.one("#query").send_keys("x", "")
    page.press("")

    assert len(names(page)) == every


def test_a_view_has_all_of_it_in_the_address(page):
    page.open(f"q=plan_cache&show=unexpected&sort=hits&dir=descending&{OPEN}&miss=1")

    assert len(page.all("#rows > tbody > tr:not(.detail)")) == 2
    assert page.one(".reason h4").text.startswith("Miss at iteration 1")
    assert page.view == f"q=plan_cache&show=unexpected&sort=hits&dir=descending&{OPEN}&miss=1"


@pytest.mark.parametrize(
    "view", ["sort=nothing", "open=no::test", f"{OPEN}&miss=999", "show=rubbish", "%%%", "q=%ff"]
)
def test_an_address_that_makes_no_sense_breaks_nothing(page, view):
    page.open(view)

    assert page.one("h1")


# -- what happened, and why ---------------------------------------------------------------------


def test_a_click_on_a_test_and_one_on_a_miss_lead_to_the_reason(page):
    page.one("#query").send_keys("one_resolve_declared")
    page.one("#rows tbody button").click()
    misses = page.all(".miss")
    assert len(misses) >= 2
    assert not page.all(".reason")

    misses[1].click()

    assert page.one(".reason h4").text
    facts = dict(zip(page.texts(".reason dt"), page.texts(".reason dd"), strict=True))
    assert facts["why"].startswith("structure: ")
    assert facts["defined at"].startswith("examples/test_plan_cache.py:")
    assert facts["run at"].startswith("examples/test_plan_cache.py:")
    assert (
        page.texts(".changes td")[1:] == ["noop()", "a literal"]
        or len(page.texts(".changes td")) >= 3
    )
    assert page.texts(".graphs figcaption") == [
        "The nearest known structure",
        "What was planned now",
    ]
    assert page.all(".graph .changed")
    assert page.all(".graph .same")
    assert misses[1].get_attribute("aria-pressed") == "true"

    misses[1].click()

    assert not page.all(".reason")


def test_hits_and_misses_differ_in_shape_and_in_what_is_said(page):
    page.open(OPEN)

    (miss, *_), (hit, *_) = page.all(".miss"), page.all(".run.hit")

    assert miss.tag_name == "button"
    assert hit.tag_name == "span"
    marks = page.ask(
        "return ['.miss', '.run.hit'].map((s) => "
        "getComputedStyle(document.querySelector(s), '::before').content)"
    )
    assert marks == ['"◆"', "none"]
    assert miss.get_attribute("aria-label").startswith("Miss at iteration 1: ")
    assert "hit" in hit.text


def test_a_million_iterations_are_drawn_as_runs(made):
    page = made(
        dedent("""
        @cs.task
        def loop(n): return loop(n - 1) if n else "done"
        def test_loop(): cs.run(loop(999_999))
        """)
    )

    page.one("#rows tbody button").click()

    assert len(page.all(".strip > li")) == 2
    assert page.texts(".run") == ["999,999 hits"]


def test_many_misses_are_as_few_marks_as_they_have_reasons(made):
    page = made(
        dedent("""
        @cs.task
        def use(n, made): return loop(n - 1) if n else "done"
        @cs.task
        def loop(n):
            @cs.task
            def inner(): return n
            return use(n, inner())
        def test_loop(): cs.run(loop(300))
        """)
    )

    page.one("#rows tbody button").click()
    assert len(page.all(".strip > li")) < 10
    next(miss for miss in page.all(".miss") if miss.text).click()  # how many they are

    assert "misses from iteration" in page.one(".reason h4").text
    assert "new task: 'inner' was redefined" in page.one(".reason").text


def test_before_and_now_stand_side_by_side(made, tmp_path):
    source = """
@cs.task
def loop(n): return loop(n - 1) if n else "done"
def test_loop(): cs.run(loop({0}))
"""
    made(source.format(4), "--cascade-record=work.json")
    page = made(source.format(9), "--cascade-compare=work.json")

    assert page.one("#rows tbody td:nth-child(4)").text == "9\nwas 4"
    page.one("#rows tbody button").click()

    assert page.texts(".detail thead th")[1:3] == ["before", "now"]
    hits = next(row for row in page.texts(".detail tbody tr") if row.startswith("hits"))
    assert hits == "hits 4 9 ▲ more"


# -- benchmarks ---------------------------------------------------------------------------------


def test_benchmarks_are_drawn_and_told_in_a_table(page):
    bench = next(each for each in page.all(".bench") if "always_new" in each.text)
    plots = bench.find_elements("css selector", "svg.plot")

    assert len(plots) == 2
    assert all(plot.rect["width"] > 200 and plot.rect["height"] > 100 for plot in plots)
    heads = [head.text for head in bench.find_elements("css selector", "thead th")]
    rows = bench.find_elements("css selector", "tbody tr")
    assert {"resolves", "hits"} <= set(heads)
    assert len(rows) == 2
    for row in rows:
        cells = row.find_elements("css selector", "td")
        assert len(cells) == len(heads) - 1
        assert all(cell.text for cell in cells)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_of_plots_have_the_colours_of_the_scheme(page, scheme):
    page.emulate(scheme)

    colours = page.ask(
        "return [...document.querySelectorAll('.plot circle, .plot line, .plot polyline')].map("
        "(e) => getComputedStyle(e).fill + getComputedStyle(e).stroke)"
    )
    assert colours
    assert not [each for each in colours if each in ("rgb(0, 0, 0)none", "nonenone")]


# -- for everybody ------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_follows_the_colour_scheme(page, scheme):
    page.emulate(scheme)

    red, green, blue = (
        int(part)
        for part in page.ask("return getComputedStyle(document.body).backgroundColor")[4:-1].split(
            ","
        )
    )
    assert (red + green + blue > 600) is (scheme == "light")


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_nothing_is_wider_than_the_window(page, width):
    page.resize(width, 800)
    page.open(f"{OPEN}&miss=2")

    assert page.all(".reason")
    assert page.overflow <= 0


def test_all_is_there_on_a_narrow_screen(page):
    page.resize(360, 700)
    page.one("#query").send_keys("one_resolve_declared")

    page.one("#rows tbody button").click()
    page.all(".miss")[1].click()

    cell = page.all("#rows > tbody > tr > td")[1]
    label = page.ask("return getComputedStyle(arguments[0], '::before').content", cell)
    assert label == '"resolves "'
    assert page.one(".reason").rect["width"] <= 360
    page.one("th[data-sort=hits] button").click()
    assert page.view.startswith("q=one_resolve_declared&sort=hits")


def test_a_keyboard_is_enough(page):
    tab, enter = "\ue004", "\ue007"

    page.press(tab)
    assert page.focused == "To the tests"
    page.press(enter)
    assert page.ask("return document.activeElement.id") == "tests"
    page.press(tab)
    assert page.focused == "query"
    page.press("declared", tab, tab)
    assert page.focused.strip() == "test"
    for _ in range(8):
        page.press(tab)
    assert page.focused.endswith(CAUGHT)
    page.press(enter)
    assert page.all(".detail")
    while page.ask("return document.activeElement.className") != "miss":
        page.press(tab)
    page.press(tab, enter)

    assert page.one(".reason h4").text
    assert page.ask("return document.activeElement.getAttribute('aria-pressed')") == "true"
    assert page.ask("return getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_serious(driver, real_run, scheme, width):
    axe = axe_source()
    page = Page(driver, real_run)
    page.emulate(scheme)
    page.resize(width, 900)
    page.open(f"{OPEN}&miss=2")
    assert page.all(".reason")

    assert page.violations(axe) == []


def test_on_paper_there_are_no_controls_and_failures_are_told_in_full(page):
    page.emulate("dark", "print")

    page.ask("dispatchEvent(new Event('beforeprint'))")

    assert not page.all("form")
    assert len(page.all(".detail")) == 5
    paper = page.ask("return getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    page.ask("dispatchEvent(new Event('afterprint'))")
    assert not page.all(".detail")


def test_without_scripts_the_rows_are_there_and_what_is_missing_is_said(driver, real_run):
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get(real_run.resolve().as_uri())
        shown = driver.find_element("css selector", "body").text
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    assert CAUGHT in shown
    assert "need JavaScript" in shown


# -- machines without a browser -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "outcome"),
    [
        pytest.param({}, "1 skipped", id="skipped"),
        pytest.param({"CASCADE_BROWSER": "required"}, "1 error", id="fails where it is required"),
    ],
)
def test_without_a_browser_the_reason_is_told(tmp_path, environment, outcome):
    test = f"{__file__}::test_the_verdict_is_what_a_reader_sees_first"
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", test],
        cwd=EXAMPLES.parent,
        env={"PATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome in ran.stdout
    assert "there is no Chromium: install Debian's chromium and chromium-driver" in ran.stdout


# -- nothing that a test is called does anything ------------------------------------------------

HOSTILE = """
def hostile(dep=None): return 1
hostile.__name__ = hostile.__qualname__ = '"><img src=x onerror=document.title="hacked">'
hostile = cs.task(hostile)

@pytest.mark.expect_resolves(1)
@pytest.mark.parametrize("x", ["<script>document.title='hacked'</script>"])
def test_it(x):
    cs.run(hostile())
    cs.run(hostile(hostile()))

def test_fails():
    cs.run(hostile())
    raise ValueError("</script></pre><script>document.title='hacked'</script>")

def test_bench(cascade_bench):
    contenders = {"<svg onload=document.title='hacked'>": 1, "'\\"</text><script>": 2}
    cascade_bench.compare(**{name: (lambda n: cs.run(hostile())) for name in contenders})
"""


def test_names_that_look_like_markup_do_nothing(made):
    page = made(HOSTILE, "--cascade-bench", "-p", "no:benchmark")

    for button in page.all("#rows tbody button"):
        button.click()
        for miss in page.all(".miss"):
            miss.click()
            assert page.all(".reason")
            assert 'img src=x onerror=document.title="hacked">' in page.one(".reason").text
    assert "hacked" not in page.driver.title
    assert not page.driver.find_elements("css selector", "img, pre script, svg script, b script")
    assert page.ask("return document.scripts.length") == 2
    assert "<script>document.title='hacked'</script>" in page.one("body").text
    assert page.console() == []
    assert page.requests() == []


def test_a_script_that_is_not_the_pages_own_would_not_run(driver, real_run):
    page = Page(driver, real_run)
    title = driver.title

    page.ask(
        "const e = document.createElement('div');"
        'e.innerHTML = \'<img src="data:,x" onerror="document.title=1">\';'
        "document.body.append(e)"
    )

    assert driver.title == title
    assert "Content Security Policy" in "\n".join(page.console())
