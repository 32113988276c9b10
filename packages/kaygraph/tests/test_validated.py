"""Checks of what goes into `exec` and what comes out."""

from __future__ import annotations

from typing import Any

import pytest
from kaygraph import BatchNode, MetricsNode, ParallelBatchNode, ValidatedNode


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


def test_the_checks_stand_around_the_attempts() -> None:
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
        (ValidatedNode, BatchNode),
        (ParallelBatchNode, ValidatedNode, MetricsNode),
    ],
)
def test_in_a_batch_each_item_is_checked(bases: Any) -> None:
    class Batch(*bases):  # type: ignore[misc]
        def prep(self, shared: dict[str, Any]) -> Any:
            return ["1", "2", "3"]

        def validate_input(self, prep_res: Any) -> Any:
            return int(prep_res)

        def exec(self, prep_res: Any) -> Any:
            return 10 * prep_res

        def validate_output(self, exec_res: Any) -> Any:
            return str(exec_res)

        def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> Any:
            shared["results"] = exec_res

    shared: dict[str, Any] = {}
    Batch().run(shared)
    assert shared == {"results": ["10", "20", "30"]}
