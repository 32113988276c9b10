"""Records: one at each start, end and retry, none with data, and no text while logging is off."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
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
    caplog.set_level(logging.ERROR)
    assert run_with_id_and_data(kind) == (0, 0)
    assert caplog.records == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_and_an_end_are_info_a_retry_is_a_warning_and_none_tells_of_data(
    kind: type[Node], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "kaygraph.base.time", SimpleNamespace(time=lambda: 0.0, perf_counter=lambda: 0.0)
    )
    caplog.set_level(logging.DEBUG)
    _, data_texts = run_with_id_and_data(kind)
    ours = [record for record in caplog.records if record.name != "asyncio"]
    assert [(record.name, record.levelname, record.getMessage()) for record in ours] == [
        ("AsyncGraph", "INFO", "graph starts"),
        ("Loud", "INFO", "load starts"),
        ("Loud", "WARNING", "load: attempt 1 of 2 failed with LookupError, trying again"),
        ("Loud", "INFO", "load ends after 0.000 s"),
        ("AsyncGraph", "INFO", "graph ends after 0.000 s"),
    ]
    assert data_texts == 0


def test_a_failing_node_tells_of_its_error_by_its_type_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Fails(Node):
        def exec(self, prep_res: Any) -> Any:
            raise LookupError("secret")

    caplog.set_level(logging.INFO)
    with pytest.raises(LookupError):
        Graph(Fails(max_retries=3, node_id="load")).run({})
    messages = [record.getMessage() for record in caplog.records if record.name == "Fails"]
    assert messages[:3] == [
        "load starts",
        "load: attempt 1 of 3 failed with LookupError, trying again",
        "load: attempt 2 of 3 failed with LookupError, trying again",
    ]
    assert [message.split(" after ")[0] for message in messages[3:]] == ["load fails"]
    assert "secret" not in caplog.text


def test_records_go_to_the_logger_that_the_node_was_given(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node = Node()
    node.logger = logging.getLogger("mine")
    caplog.set_level(logging.INFO)
    Graph(node).run({})
    assert [record.name for record in caplog.records] == ["Graph", "mine", "mine", "Graph"]
