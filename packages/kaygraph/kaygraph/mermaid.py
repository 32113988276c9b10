"""A graph's wiring as the text of a Mermaid flowchart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kaygraph.graph import Graph
    from kaygraph.node import BaseNode

__all__ = ["mermaid_text"]

_RESERVED = {"call", "class", "click", "default", "end", "flowchart", "graph", "style", "subgraph"}


def mermaid_text(graph: Graph) -> str:
    """Return the flowchart of `graph`: node ids, action labels, loops and nested graphs."""
    return "\n".join(["graph TD", *_Drawing().body(graph, indent="    ")]) + "\n"


class _Drawing:
    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def body(self, graph: Graph, indent: str) -> list[str]:
        from kaygraph.graph import reachable

        nodes = reachable(graph.start_node)
        lines: list[str] = []
        for node in nodes:
            if id(node) not in self._names:
                lines += self._declaration(node, indent)
        for node in nodes:
            for action, successor in node.successors.items():
                label = "" if action == "default" else f'|"{_escaped(action)}"|'
                lines.append(f"{indent}{self._name(node)} -->{label} {self._name(successor)}")
        return lines

    def _declaration(self, node: BaseNode, indent: str) -> list[str]:
        from kaygraph.graph import Graph

        name = self._name(node)
        label = f'{name}["{_escaped(node.node_id)}"]'
        if not isinstance(node, Graph):
            return [f"{indent}{label}"]
        inside = self.body(node, indent + "    ")
        return [f"{indent}subgraph {label}", *inside, f"{indent}end"]

    def _name(self, node: BaseNode) -> str:
        if id(node) not in self._names:
            plain = re.fullmatch(r"[A-Za-z]\w*", node.node_id, re.ASCII)
            free = node.node_id.lower() not in _RESERVED | {n.lower() for n in self._names.values()}
            self._names[id(node)] = node.node_id if plain and free else f"n{len(self._names) + 1}"
        return self._names[id(node)]


def _escaped(text: str) -> str:
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("\n", " ")
