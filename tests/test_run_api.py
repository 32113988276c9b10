"""`batchmap.run`: what the command does, from Python."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, UsageError, run

from tests.syncing import (
    counted_file,
    lines,
    results,
    sync,
)
from tests.syncing import sync_directory as sync_directory  # a fixture of every test here


def test_an_iterator_and_items_of_any_type_are_taken() -> None:
    items = ["a", 1, 1.0, (1,), [1], {"k": b"v"}, {1, 2}, None, Path("x")]
    sync(iter(items), function=repr)
    assert sync(iter([*items[::-1], "new"]), function=repr) == (9, 8, 1, 0, 0)
    assert results() == [*map(repr, items[::-1]), "'new'"]


def test_what_a_function_binds_is_part_of_it() -> None:
    def bound_to(number: int) -> Any:
        return lambda item: f"{item}{number}"

    lines("a")
    for first, second in (
        (partial(joined, "x"), partial(joined, "y")),
        (bound_to(1), bound_to(2)),
        (lambda item: item + "1", lambda item: item + "2"),
    ):
        run(first, "in.txt", "out.jsonl", mode="overwrite")
        sync("in.txt", function=first)
        with pytest.raises(InputError, match="has changed"):
            sync("in.txt", function=second)


def joined(text: str, item: str) -> str:
    return text + item


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "synch"}, "mode must be one of new, resume, sync, overwrite"),
        ({"no_such": 1}, "has no option 'no_such'"),
        ({"mode": "new", "retry_failed": True}, "retry_failed goes with mode='resume' or"),
        ({"output": "-"}, "output must be a file"),
        ({"output": "s3://bucket/out.jsonl"}, "mode='sync' writes its output anew"),
        ({"workers": 0}, "workers must be at least 1"),
        (
            {"mode": "new"},
            "exists; mode='resume' goes on with it, mode='sync' also where",
        ),
    ],
)
def test_a_wrong_call_says_what_is_wrong(options: dict[str, Any], message: str) -> None:
    sync(lines("a"))
    output = options.pop("output", "out.jsonl")
    with pytest.raises(UsageError, match=message.replace("(", r"\(").replace(")", r"\)")):
        sync("in.txt", output, **options)
    assert results() == ["A"]


def test_a_function_that_changed_is_refused_unless_accepted(tmp_path: Path) -> None:
    sync(lines(*"ab"))
    with pytest.raises(InputError, match=r"the function was work and is counted_file now; accept_"):
        sync("in.txt", function=counted_file)
    assert sync(lines(*"abc"), function=len, accept_task=True) == (2, 0, 1, 0, 0)
    assert results() == ["A", "B", 1]
