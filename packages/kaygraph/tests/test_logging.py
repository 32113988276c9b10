"""Records: none is built when nobody reads, and none above DEBUG tells of data."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from kaygraph import AsyncGraph, AsyncNode, BatchNode, Graph, MetricsNode, Node


class Id(str):
    """A node id that counts how often it is turned into text."""

    texts = 0

    def __str__(self) -> str:
        type(self).texts += 1
        return super().__str__()

    def __format__(self, spec: str) -> str:
        type(self).texts += 1
        return super().__format__(spec)

    def __repr__(self) -> str:
        type(self).texts += 1
        return super().__repr__()


class Data:
    """An item that counts how often it is turned into text."""

    texts = 0

    def __repr__(self) -> str:
        type(self).texts += 1
        return "data"


def run_with_id_and_data(kind: type[Node]) -> tuple[int, int]:
    """Run a node whose first attempt fails; return how often id and data became text."""
    Id.texts = Data.texts = 0

    class Loud(kind):  # type: ignore[misc,valid-type]
        def prep(self, shared: dict[str, Any]) -> Any:
            return [Data()]

        async def prep_async(self, shared: dict[str, Any]) -> Any:
            return [Data()]

        def exec(self, prep_res: Any) -> Any:
            if self.cur_retry == 0:
                raise LookupError(prep_res)
            return prep_res

        async def exec_async(self, prep_res: Any) -> Any:
            return self.exec(prep_res)

    graph = AsyncGraph(Loud(node_id=Id("load"), max_retries=2))
    graph.node_id = Id("graph")
    asyncio.run(graph.run_async({"data": Data()}))
    return Id.texts, Data.texts


KINDS = [Node, BatchNode, MetricsNode, AsyncNode]


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_built_when_logging_is_off(
    kind: type[Node], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert run_with_id_and_data(kind) == (0, 0)
    assert caplog.records == []


@pytest.mark.parametrize("kind", KINDS)
def test_debug_tells_which_node_runs_and_nothing_of_its_data(
    kind: type[Node], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _, data_texts = run_with_id_and_data(kind)
    ours = [record for record in caplog.records if record.name != "asyncio"]
    assert [(record.name, record.getMessage()) for record in ours] == [
        ("AsyncGraph", "graph runs"),
        ("Loud", "load runs"),
    ]
    assert {record.levelno for record in ours} == {logging.DEBUG}
    assert data_texts == 0


def test_a_failing_node_logs_nothing_above_debug(caplog: pytest.LogCaptureFixture) -> None:
    class Fails(Node):
        def exec(self, prep_res: Any) -> Any:
            raise LookupError("secret")

    caplog.set_level(logging.INFO)
    with pytest.raises(LookupError):
        Graph(Fails(max_retries=3)).run({})
    assert caplog.records == []
