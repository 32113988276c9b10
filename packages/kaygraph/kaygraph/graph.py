"""Graphs: run a node, follow its action to the next, until there is none."""

from __future__ import annotations

import warnings
from typing import Any

from kaygraph.config import Config
from kaygraph.mermaid import mermaid_text
from kaygraph.node import BaseNode, NodeT

__all__ = ["BatchGraph", "Graph"]


class Graph(BaseNode):
    """Run nodes from `start_node` on, each as a shallow copy; a graph is itself a node."""

    def __init__(self, start: BaseNode | None = None, config: Config | None = None) -> None:
        super().__init__(config=config)
        self.start_node = start

    def start(self, node: NodeT) -> NodeT:
        """Set and return the first node."""
        self.start_node = node
        return node

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        """Return the graph's action: by default the last node's."""
        return exec_res

    def get_next_node(self, current: BaseNode, action: Any) -> BaseNode | None:
        """Return the successor of `current` on `action`, or `None` where the graph ends.

        Warns of an action that names none of the successors there are.
        """
        successors = current.successors
        if not successors:
            return None
        node = successors.get(action or "default")
        if node is None:
            warnings.warn(
                f"the graph ends: {current.node_id} returned {action or 'default'!r} "
                f"and leads on for {list(successors)} only",
                stacklevel=2,
            )
        return node

    def to_mermaid(self) -> str:
        """Return the wiring as the text of a Mermaid flowchart."""
        return mermaid_text(self)

    def _exec(self, shared: dict[str, Any], prep_res: Any) -> Any:
        return self._walk(shared, self.params)

    def _walk(self, shared: dict[str, Any], params: dict[str, Any]) -> Any:
        action = None
        node = self._first_node()
        while node is not None:
            action = self._equipped(node, params)._run(shared)
            node = self.get_next_node(node, action)
        return action

    def _first_node(self) -> BaseNode | None:
        if self.start_node is None:
            warnings.warn(f"{self.node_id} has no start node: nothing runs", stacklevel=6)
        return self.start_node

    def _equipped(self, node: BaseNode, params: dict[str, Any]) -> BaseNode:
        """Return a copy of `node` with the graph's params over its own, and a config."""
        twin = node.__copy__()
        twin.params = {**node.params, **params}
        if not twin.config:
            twin.config = self.config
        return twin

    def _inner_nodes(self) -> list[BaseNode]:
        """Return every node that the start node leads to, itself first, each once."""
        found: dict[int, BaseNode] = {}
        waiting = [] if self.start_node is None else [self.start_node]
        while waiting:
            node = waiting.pop(0)
            if id(node) not in found:
                found[id(node)] = node
                waiting.extend(node.successors.values())
        return list(found.values())

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["wiring"] = [(node, node.successors) for node in self._inner_nodes()]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        own = dict(state)
        wiring = own.pop("wiring")
        super().__setstate__(own)
        for node, successors in wiring:
            node.successors = successors


class BatchGraph(Graph):
    """Run the whole graph once for each param dict in the list that `prep` returns."""

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        """Return the graph's action; `prep_res` is the list and `exec_res` is `None`."""
        return None

    def _exec(self, shared: dict[str, Any], prep_res: Any) -> None:
        for params in prep_res or ():
            self._walk(shared, {**self.params, **params})
