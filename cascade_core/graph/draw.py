"""Graphs as text that other tools draw: Mermaid and Graphviz' DOT.

Knows only names and arrows. Names come from users, so each is quoted in the target's own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Arrow = tuple[int, int, str]
"""Source, target, label."""


def to_mermaid(names: Sequence[str], arrows: Iterable[Arrow]) -> str:
    """A Mermaid flowchart, dependencies above what depends on them."""
    lines = ["flowchart TD"]
    lines += [f'    n{position}["{_mermaid(name)}"]' for position, name in enumerate(names)]
    lines += [
        f'    n{source} -->|"{_mermaid(label)}"| n{target}' for source, target, label in arrows
    ]
    return "\n".join(lines) + "\n"


def to_dot(names: Sequence[str], arrows: Iterable[Arrow]) -> str:
    """A DOT digraph, dependencies above what depends on them."""
    lines = ["digraph cascade {", "    node [shape=box];"]
    lines += [f"    n{position} [label={_dot(name)}];" for position, name in enumerate(names)]
    lines += [
        f"    n{source} -> n{target} [label={_dot(label)}];" for source, target, label in arrows
    ]
    return "\n".join([*lines, "}"]) + "\n"


def _mermaid(text: str) -> str:
    """Mermaid has no escape character but takes entity codes; these cover all it gives meaning."""
    return "".join(c if c.isalnum() or c in " _.=()" else f"#{ord(c)};" for c in text)


def _dot(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
