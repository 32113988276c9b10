"""Nodes that are sent to a worker: pickled alone, copied with what they lead to."""

from __future__ import annotations

import copy
import logging
import pickle
from typing import Any

import pytest
from kaygraph import BatchGraph, Config, Graph, MetricsNode, Node, ParallelBatchNode, ValidatedNode


class Sized(Node):
    def exec(self, prep_res: Any) -> Any:
        if self.cur_retry == 0:
            raise LookupError
        return self.params["size"]

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        shared.setdefault("path", []).append((self.node_id, exec_res))


class Unpicklable(Node):
    def __init__(self) -> None:
        super().__init__()
        self.hold = lambda: None


def round_trip(node: Any) -> Any:
    return pickle.loads(pickle.dumps(node))


def test_a_node_pickles_without_its_successors_and_logger() -> None:
    node = Sized(max_retries=2, node_id="load", config=Config(depth=1))
    node.set_params({"size": 3})
    node.set_context("seen", True)
    node >> Unpicklable()
    node.logger = None  # type: ignore[assignment]
    copied_node = round_trip(node)
    assert type(copied_node) is Sized
    assert (copied_node.node_id, copied_node.max_retries, copied_node.params) == (
        "load",
        2,
        {"size": 3},
    )
    assert copied_node.config.to_dict() == {"depth": 1}
    assert copied_node.get_context("seen")
    assert copied_node.successors == {}
    assert copied_node.logger is logging.getLogger("Sized")
    assert len(node.successors) == 1


def test_a_node_that_was_pickled_runs() -> None:
    node = Sized(max_retries=2, node_id="load")
    node.set_params({"size": 3})
    shared: dict[str, Any] = {}
    round_trip(node).run(shared)
    assert shared == {"path": [("load", 3)]}


@pytest.mark.parametrize(
    "node", [ParallelBatchNode(3), MetricsNode(), ValidatedNode(), Graph(), BatchGraph(Node())]
)
def test_every_kind_of_node_pickles(node: Any) -> None:
    assert type(round_trip(node)) is type(node)


def test_metrics_are_pickled_and_go_on_counting() -> None:
    node = MetricsNode()
    node.run({})
    copied_node = round_trip(node)
    copied_node.run({})
    assert copied_node.get_stats()["total_executions"] == 2
    assert node.get_stats()["total_executions"] == 1


def looping_graph() -> Graph:
    a, b = Sized(max_retries=2, node_id="a"), Sized(max_retries=2, node_id="b")
    inner = Graph(Sized(max_retries=2, node_id="inner"))
    a >> b >> inner
    inner - "again" >> a
    graph = Graph(a)
    graph.set_params({"size": 3})
    return graph


@pytest.mark.parametrize("copied", [round_trip, copy.deepcopy])
def test_a_graph_is_copied_with_the_nodes_inside_it_and_their_wiring(copied: Any) -> None:
    graph = looping_graph()
    graph >> Sized()
    copied_node = copied(graph)
    assert copied_node.to_mermaid() == graph.to_mermaid()
    assert copied_node.start_node is not graph.start_node
    copied_node.successors = {}
    shared: dict[str, Any] = {}
    with pytest.warns(UserWarning, match="Graph ends: 'default' not found in"):
        copied_node.run(shared)
    assert shared == {"path": [("a", 3), ("b", 3), ("inner", 3)]}


def test_a_graph_pickles_without_its_own_successors() -> None:
    graph = looping_graph()
    graph >> Unpicklable()
    assert round_trip(graph).successors == {}


def test_a_copy_shares_the_wiring_and_a_deep_copy_has_its_own() -> None:
    a, b = Node(), Node()
    a >> b >> a
    assert copy.copy(a).successors is a.successors
    copied_node = copy.deepcopy(a)
    assert copied_node.successors["default"] is not b
    assert copied_node.successors["default"].successors["default"] is copied_node
    assert copied_node.logger is a.logger
