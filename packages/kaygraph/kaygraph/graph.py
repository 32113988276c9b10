"""Graphs: run a node, follow its action to the next, until there is none."""

from __future__ import annotations

import warnings
from typing import Any

from kaygraph.base import BaseNode, NodeT
from kaygraph.config import Config
from kaygraph.mermaid import mermaid_text

__all__ = ["BatchGraph", "Graph"]


class Graph(BaseNode):
    """Run nodes from `start_node` on, each as a shallow copy; a graph is itself a node."""

    def __init__(self, start: BaseNode | None = None, config: Config | None = None) -> None:
        super().__init__(config=config)
        self.start_node = start

    def start(self, start: NodeT) -> NodeT:
        """Set and return the first node."""
        self.start_node = start
        return start

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        """Return the graph's action: by default the last node's."""
        return exec_res

    def get_next_node(self, current: BaseNode, action: Any) -> BaseNode | None:
        """Return the successor of `current` on `action`, or `None` where the graph ends.

        `current` is the copy that ran. Warns of an action that names none of its successors.
        """
        successors = current.successors
        if not successors:
            return None
        node = successors.get(action or "default")
        if node is None:
            warnings.warn(
                f"Graph ends: '{action or 'default'}' not found in {list(successors)}",
                stacklevel=2,
            )
        return node

    def to_mermaid(self) -> str:
        """Return the wiring as the text of a Mermaid flowchart."""
        return mermaid_text(self)

    def _prep_and_exec(self, shared: dict[str, Any]) -> tuple[Any, Any]:
        prep_res = self.prep(shared)
        return prep_res, self._orch(shared, self.params)

    def _orch(self, shared: dict[str, Any], params: dict[str, Any] | None = None) -> Any:
        """Run the nodes, `params` over their own (`None`: the graph's); return the last action.

        Override it to wrap one run of all nodes, of which a `BatchGraph` makes several.
        """
        params = self.params if params is None else params
        action = None
        node = self._first_node()
        while node is not None:
            copied = self._copy_to_run(node, params)
            action = copied._run(shared)
            node = self.get_next_node(copied, action)
        return action

    def _first_node(self) -> BaseNode | None:
        if self.start_node is None:
            warnings.warn(f"{self.node_id} has no start node: nothing runs", stacklevel=6)
        return self.start_node

    def _copy_to_run(self, node: BaseNode, params: dict[str, Any]) -> BaseNode:
        """Return a copy of `node` with `params` over its own, and a config."""
        copied = node.__copy__()
        if not copied.config:
            copied.config = self.config
        copied.set_params({**node.params, **params})
        return copied

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
        """Return the graph's action; `prep_res` is the list, maybe `[]`, `exec_res` is `None`."""
        return None

    def _prep_and_exec(self, shared: dict[str, Any]) -> tuple[Any, None]:
        param_dicts = self.prep(shared) or []
        for params in param_dicts:
            self._orch(shared, {**self.params, **params})
        return param_dicts, None
