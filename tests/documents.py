"""The README and the documents in ``docs``, cut into what can be run.

In ``docs`` a Python block with tests is a suite, run with the ini block beside it. Blocks without a
language that follow it show how its failure reads; a suite that none follows passes. A Python block
that begins with ``# name.py`` is saved under that name beside all suites after it. Any other Python
block is a program of its own. Shell and YAML blocks are commands for the suite before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))

RUN_IN_CI = ("pip ", "pytest ")
"""How the commands begin that a CI service is told to run."""


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, what language it says it is, and its text."""

    document: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.document.name}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that it is to be saved as, if it says so."""
        named = re.match(r"# (\w+\.py)\n", self.text) if self.language == "python" else None
        return named and named[1]


@dataclass(frozen=True)
class Suite:
    """A Python block with tests, the failures that are shown of it, and what else is run on it."""

    block: Block
    ini: str
    files: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


def blocks(document: Path) -> list[Block]:
    """Read the fenced blocks of a document, in order."""
    tokens = MarkdownIt().parse(document.read_text(encoding="utf-8"))
    return [
        Block(document, token.map[0] + 1, token.info, token.content)
        for token in tokens
        if token.type == "fence" and token.map is not None
    ]


def has_tests(block: Block) -> bool:
    """Tell whether a block is a suite."""
    return block.language == "python" and block.file is None and "def test_" in block.text


def suites() -> Iterator[Suite]:
    """Give all suites of all documents.

    Raises:
        ValueError: a document has an output or a command that no suite precedes.
    """
    for document in DOCUMENTS:
        shown = blocks(document)
        ini = "".join(block.text for block in shown if block.language == "ini")
        found: list[Suite] = []
        files: dict[str, str] = {}
        for block in shown:
            if block.file is not None:
                files[block.file] = block.text
            elif has_tests(block):
                found.append(Suite(block, ini, dict(files)))
            elif block.language in ("", "sh", "yaml"):
                if not found:
                    raise ValueError(f"{block.place}: no suite precedes this block")
                if block.language == "":
                    found[-1].failures.append(block.text)
                else:
                    found[-1].commands.extend(_commands(block))
        yield from found


def _commands(block: Block) -> Iterable[str]:
    """Give the command lines of a shell block, or of the steps of a CI service."""
    if block.language == "sh":
        return block.text.splitlines()
    return [text for text in _strings(yaml.safe_load(block.text)) if text.startswith(RUN_IN_CI)]


def _strings(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for each in data.values():
            yield from _strings(each)
    elif isinstance(data, list):
        for each in data:
            yield from _strings(each)


def programs() -> Iterator[Block]:
    """Give the Python blocks without tests that are no files of a suite."""
    for document in DOCUMENTS:
        for block in blocks(document):
            if block.language == "python" and block.file is None and not has_tests(block):
                yield block


def files() -> Iterator[Block]:
    """Give the Python blocks that are files beside suites."""
    for document in DOCUMENTS:
        yield from (block for block in blocks(document) if block.file is not None)


def literally(shown: str) -> list[str]:
    """Patterns for lines as they are."""
    return [re.sub(r"[\[?*]", "[\\g<0>]", line) for line in shown.splitlines()]


def whatever_the_numbers(shown: str) -> list[str]:
    """Patterns for lines that hold measured numbers, and spaces as many as these need."""
    numbers = r"\d[\d,.]*( [mµnkM]?s?\b)?"
    patterns = [re.sub(numbers, "*", line) for line in shown.splitlines() if line]
    return [re.sub(r"\s+", "*", line) for line in patterns]
