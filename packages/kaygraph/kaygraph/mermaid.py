"""A graph's wiring as the text of a Mermaid flowchart."""

from __future__ import annotations

import re

from kaygraph.base import BaseNode

__all__ = ["mermaid_text"]

# Words that Mermaid does not take as the name of a node, in lower case.
_RESERVED = {
    *("call", "class", "classdef", "click", "default", "direction", "end", "flowchart", "graph"),
    *("href", "interpolate", "linkstyle", "style", "subgraph"),
}


def mermaid_text(graph: BaseNode) -> str:
    """Return the flowchart of `graph`: node ids, action labels, loops and nested graphs."""
    return "\n".join(["graph TD", *_Drawing().body(graph, indent="    ")]) + "\n"


class _Drawing:
    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def body(self, graph: BaseNode, indent: str) -> list[str]:
        nodes: list[BaseNode] = []
        lines: list[str] = []
        for node in graph._inner_nodes():
            if id(node) not in self._names:
                nodes.append(node)
                lines += self._declaration(node, indent)
        for node in nodes:
            for action, successor in node.successors.items():
                label = "" if action == "default" else f'|"{_escaped(action)}"|'
                lines.append(f"{indent}{self._name(node)} -->{label} {self._name(successor)}")
        return lines

    def _declaration(self, node: BaseNode, indent: str) -> list[str]:
        label = f'{self._name(node)}["{_escaped(node.node_id)}"]'
        inside = self.body(node, indent + "    ")
        if not inside:
            return [f"{indent}{label}"]
        return [f"{indent}subgraph {label}", *inside, f"{indent}end"]

    def _name(self, node: BaseNode) -> str:
        """Return the node's id where that can be its name in the drawing, else a number."""
        if id(node) not in self._names:
            name = node.node_id
            plain = re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) and name.lower() not in _RESERVED
            free = name not in self._names.values()
            self._names[id(node)] = name if plain and free else f"_{len(self._names) + 1}"
        return self._names[id(node)]


def _escaped(text: str) -> str:
    """Return `text` with what Mermaid or HTML would read as markup in Mermaid's own codes."""
    return re.sub(r"[#&<>\"`\r\n]", lambda found: f"#{ord(found[0])};", text)
