"""Checks of what goes into `exec` and what comes out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kaygraph import (
    AsyncBatchNode,
    AsyncGraph,
    AsyncParallelBatchNode,
    BatchNode,
    MetricsNode,
    ParallelBatchNode,
    ValidatedNode,
)


class Checked(ValidatedNode):
    def prep(self, shared: dict[str, Any]) -> Any:
        return shared["text"]

    def validate_input(self, prep_res: Any) -> Any:
        return int(prep_res)

    def exec(self, prep_res: Any) -> Any:
        return prep_res + 1

    def validate_output(self, exec_res: Any) -> Any:
        if exec_res > 99:
            raise ValueError(f"{exec_res} is too large")
        return str(exec_res)

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
        shared["given"] = (prep_res, exec_res)


def test_the_checks_pass_everything_on_by_default() -> None:
    node = ValidatedNode()
    value = object()
    assert node.validate_input(value) is value
    assert node.validate_output(value) is value
    assert node.run({}) is None


def test_exec_and_post_go_on_with_what_the_checks_return() -> None:
    shared: dict[str, Any] = {"text": "41"}
    Checked().run(shared)
    assert shared["given"] == ("41", "42")


@pytest.mark.parametrize(
    ("text", "message"), [("many", "invalid literal"), ("99", "100 is too large")]
)
def test_what_a_check_raises_is_raised(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Checked().run({"text": text})


def test_the_checks_are_outside_of_the_attempts() -> None:
    calls: list[str] = []

    class Flaky(ValidatedNode):
        def validate_input(self, prep_res: Any) -> Any:
            calls.append("input")
            return "checked"

        def exec(self, prep_res: Any) -> Any:
            calls.append(f"exec {prep_res}")
            raise LookupError

        def exec_fallback(self, prep_res: Any, exc: Exception) -> Any:
            calls.append(f"fallback {prep_res}")

        def validate_output(self, exec_res: Any) -> Any:
            calls.append("output")

    Flaky(max_retries=2).run({})
    assert calls == ["input", "exec checked", "exec checked", "fallback checked", "output"]


@pytest.mark.parametrize(
    "bases",
    [
        (BatchNode, ValidatedNode),
        (ParallelBatchNode, ValidatedNode, MetricsNode),
        (AsyncBatchNode, ValidatedNode),
        (AsyncParallelBatchNode, MetricsNode, ValidatedNode),
    ],
)
def test_when_the_validated_node_comes_last_each_item_is_checked(bases: Any) -> None:
    class Batch(*bases):  # type: ignore[misc]
        def prep(self, shared: dict[str, Any]) -> Any:
            return ["1", "2", "3"]

        async def prep_async(self, shared: dict[str, Any]) -> Any:
            return self.prep(shared)

        def validate_input(self, prep_res: Any) -> Any:
            return int(prep_res)

        def exec(self, prep_res: Any) -> Any:
            return 10 * prep_res

        async def exec_async(self, prep_res: Any) -> Any:
            return self.exec(prep_res)

        def validate_output(self, exec_res: Any) -> Any:
            return str(exec_res)

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["results"] = exec_res

        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            self.post(shared, prep_res, exec_res)

    shared: dict[str, Any] = {}
    asyncio.run(AsyncGraph(Batch()).run_async(shared))
    assert shared == {"results": ["10", "20", "30"]}


@pytest.mark.parametrize(
    "bases",
    [
        (ValidatedNode, BatchNode),
        (ValidatedNode, ParallelBatchNode, MetricsNode),
        (ValidatedNode, AsyncBatchNode),
        (ValidatedNode, AsyncParallelBatchNode),
    ],
)
def test_when_the_validated_node_comes_first_the_whole_list_is_checked_once(bases: Any) -> None:
    class Batch(*bases):  # type: ignore[misc]
        def prep(self, shared: dict[str, Any]) -> Any:
            return ["1", "2", "3"]

        async def prep_async(self, shared: dict[str, Any]) -> Any:
            return self.prep(shared)

        def validate_input(self, prep_res: Any) -> Any:
            assert prep_res == ["1", "2", "3"]
            return [int(item) for item in prep_res]

        def exec(self, prep_res: Any) -> Any:
            return 10 * prep_res

        async def exec_async(self, prep_res: Any) -> Any:
            return self.exec(prep_res)

        def validate_output(self, exec_res: Any) -> Any:
            return sum(exec_res)

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["results"] = exec_res

        async def post_async(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            self.post(shared, prep_res, exec_res)

    shared: dict[str, Any] = {}
    asyncio.run(AsyncGraph(Batch()).run_async(shared))
    assert shared == {"results": 60}
