"""Graphs as text that other tools draw: Mermaid and Graphviz' DOT.

What a node does shows in its shape, its options in a second line, the kind of an edge in its line
and arrowhead. Nodes that only a route needs, and that may so be pruned, are dashed. Names come from
users, so each is quoted in the target's own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cascade_core.graph.decode import OptionSources
    from cascade_core.graph.model import Edge, Graph

_MERMAID_NODES: Final[Mapping[str, tuple[str, str]]] = {
    "call": ("[", "]"),
    "param": ("[/", "/]"),
    "env": ("[/", "/]"),
    "inject": ("[(", ")]"),
    "select": ("{", "}"),
    "map": ("[[", "]]"),
}
_MERMAID_EDGES: Final[Mapping[str, str]] = {
    "data": "-->",
    "condition": "-.->",
    "sequence": "==>",
    "route": "--o",
    "constraint": "--x",
}
_DOT_NODES: Final[Mapping[str, str]] = {
    "call": "box",
    "param": "parallelogram",
    "env": "parallelogram",
    "inject": "cylinder",
    "select": "diamond",
    "map": "box3d",
}
_DOT_EDGES: Final[Mapping[str, str]] = {
    "data": "",
    "condition": ", style=dashed",
    "sequence": ", style=dotted, arrowhead=empty",
    "route": ", arrowhead=odot",
    "constraint": ", arrowhead=box",
}
_EDGE_WORDS: Final[Mapping[str, str]] = {"condition": "run if", "sequence": "after"}


def to_mermaid(graph: Graph) -> str:
    """A Mermaid flowchart, dependencies above what depends on them."""
    lines = ["flowchart TD"]
    for position, node in enumerate(graph.nodes):
        before, after = _MERMAID_NODES[node.task.kind]
        label = "<br/>".join(map(_mermaid, _label_lines(graph, position)))
        lines.append(f'    n{position}{before}"{label}"{after}')
    for edge in graph.edges:
        arrow = f'{_MERMAID_EDGES[edge.kind]}|"{_mermaid(_edge_label(edge))}"|'
        lines.append(f"    n{edge.source} {arrow} n{edge.target}")
    if graph.prunable:
        names = ",".join(f"n{position}" for position in sorted(graph.prunable))
        lines += ["    classDef prunable stroke-dasharray: 4 4", f"    class {names} prunable"]
    return "\n".join(lines) + "\n"


def to_dot(graph: Graph) -> str:
    """A DOT digraph, dependencies above what depends on them."""
    lines = ["digraph cascade {"]
    for position, node in enumerate(graph.nodes):
        label = _dot("\n".join(_label_lines(graph, position)))
        style = ", style=dashed" if position in graph.prunable else ""
        lines.append(f"    n{position} [label={label}, shape={_DOT_NODES[node.task.kind]}{style}];")
    for edge in graph.edges:
        label = _dot(_edge_label(edge))
        style = _DOT_EDGES[edge.kind]
        lines.append(f"    n{edge.source} -> n{edge.target} [label={label}{style}];")
    return "\n".join([*lines, "}"]) + "\n"


def _label_lines(graph: Graph, position: int) -> list[str]:
    """A node's name, and in a second line the options that no edge shows."""
    options = list(_option_words(graph.structure.calls[position].options))
    return [graph.nodes[position].name, *([", ".join(options)] if options else [])]


def _option_words(options: OptionSources) -> list[str]:
    words = ["run if a literal"] if options.condition is not None and options.condition < 0 else []
    words += [name for name, source in options.constraints if source < 0]
    words += [name for name in ("retry", "timeout", "cache") if getattr(options, name) is not None]
    return words


def _edge_label(edge: Edge) -> str:
    return _EDGE_WORDS[edge.kind] if edge.argument is None else edge.argument


def _mermaid(text: str) -> str:
    """Mermaid has no escape character but takes entity codes; these cover all it gives meaning.

    It has no empty labels either.
    """
    return "".join(c if c.isalnum() or c in " _.=()" else f"#{ord(c)};" for c in text) or " "


def _dot(text: str) -> str:
    """A quoted string; what cannot be printed is shown as Python shows it."""
    shown = "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
    for character, escaped in ("\\", "\\\\"), ('"', '\\"'), ("&", "&amp;"), ("\n", "\\n"):
        shown = shown.replace(character, escaped)
    return f'"{shown}"'
