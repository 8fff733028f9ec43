"""The documents in ``docs``, cut into what can be run.

A Python block with tests is a suite, and runs with the document's ini block. The blocks without a
language that follow it show how its failure reads; a suite that none follows passes. Any other
Python block is a program of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

DOCUMENTS = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))


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


@dataclass(frozen=True)
class Suite:
    """A Python block with tests, and the failures that are shown of it."""

    block: Block
    ini: str
    failures: list[str] = field(default_factory=list)


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
    return block.language == "python" and "def test_" in block.text


def suites() -> Iterator[Suite]:
    """Give all suites of all documents.

    Raises:
        ValueError: a document has an output that no suite precedes.
    """
    for document in DOCUMENTS:
        ini = "".join(block.text for block in blocks(document) if block.language == "ini")
        suite: Suite | None = None
        for block in blocks(document):
            if has_tests(block):
                if suite is not None:
                    yield suite
                suite = Suite(block, ini)
            elif block.language == "":
                if suite is None:
                    raise ValueError(f"{block.place}: no suite precedes this output")
                suite.failures.append(block.text)
        if suite is not None:
            yield suite


def programs() -> Iterator[Block]:
    """Give the Python blocks without tests."""
    for document in DOCUMENTS:
        for block in blocks(document):
            if block.language == "python" and not has_tests(block):
                yield block
