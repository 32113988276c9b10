"""Limits of keys: how many items run at once for which a function says the same."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from batchmap import (
    ItemsFailedError,
    UsageError,
    WorkerPool,
    astream_map,
    parallel_map,
    run,
    stream_map,
)
from batchmap.command.run_settings import RunSettings
from batchmap.scheduling import keyed_starts

from tests import keyed_calls
from tests.keyed_calls import KeyedCalls, tens
from tests.refusals import assert_refused
from tests.run_command import Place, place
from tests.waiting import WAIT_S

__all__ = ["place"]


DASK = pytest.param("dask", marks=pytest.mark.slow)


@pytest.mark.parametrize("backend", ["auto", "sequential", "thread", "process", "async", DASK])
def test_each_backend_keeps_to_a_limit(backend: str, tmp_path: Path) -> None:
    calls = KeyedCalls(tmp_path / "log")
    function: Any = calls.awaiting if backend == "async" else calls.plain
    options: dict[str, Any] = {"backend": backend, "workers": 4, "batch_size": "auto"}
    results = parallel_map(function, range(40), limit_per={tens: 1}, **options)
    assert results == [-item for item in range(40)]
    assert calls.peaks() == dict.fromkeys(range(4), 1)


def test_nested_calls_have_limits_of_their_own(tmp_path: Path) -> None:
    calls = KeyedCalls(tmp_path / "log")
    options: dict[str, Any] = {"backend": "process", "workers": 2, "limit_per": {tens: 1}}
    assert parallel_map(calls.nested, [0, 1, 2, 3], **options) == [0, -1, -2, -3]
    assert calls.peaks() == {0: 1}


def test_other_keys_go_on_while_one_is_full_and_no_more_is_taken_than_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keyed_starts, "MAX_AHEAD_ITEMS", 20)
    others = threading.Semaphore(0)
    taken = 0

    def items() -> Iterator[str]:
        nonlocal taken
        for number in range(100_000):
            taken += 1
            yield "other" if number in (7, 15) else "same"

    def wait_for_others(key: str) -> str:
        if key == "other":
            others.release()
        else:
            assert others.acquire(timeout=WAIT_S)
            others.release()
        return key

    options: dict[str, Any] = {"backend": "thread", "workers": 4, "limit_per": {str: 2}}
    with closing(stream_map(wait_for_others, items(), **options)) as records:  # type: ignore[type-var]
        for seen, record in zip(range(1, 200), records, strict=False):
            assert record.failure is None
            assert taken <= seen + 20 + 100  # those in flight, and that have ended, beside them


def test_an_item_without_a_key_has_failed() -> None:
    keys: dict[str, Any] = {"fine": 1, "list": []}
    items = ["fine", "none", "list", "fine"]
    with pytest.raises(ItemsFailedError) as caught:
        parallel_map(str.upper, items, limit_per={keys.__getitem__: 1}, retries=3)
    assert [(one.index, one.attempts) for one in caught.value.failures] == [(1, 1), (2, 1)]
    errors = [one.failure.error for one in caught.value.failures if one.failure]
    assert errors == [
        "limit_per failed: 'none'",
        "limit_per failed: a key must be hashable, and it returned []",
    ]
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.results[::3] == ["FINE", "FINE"]


def test_a_key_is_of_the_item_alone() -> None:
    asked: list[Any] = []

    def key(item: Any) -> int:
        asked.append(item)
        return 1

    def add(*numbers: int, index: int) -> int:
        return sum(numbers) + index

    options: dict[str, Any] = {"star": True, "index": True, "limit_per": {key: 1}}
    assert parallel_map(add, [(1, 2), (3, 4)], **options) == [3, 8]
    assert asked == [(1, 2), (3, 4)]


def test_streams_in_a_loop_and_pools_keep_to_limits(tmp_path: Path) -> None:
    async def streamed(**options: Any) -> list[Any]:
        calls = KeyedCalls(tmp_path / f"log{len(options)}")
        records = [one async for one in astream_map(calls.plain, range(20), **options)]
        assert calls.peaks() == {0: 1, 1: 1}
        return sorted(record.result for record in records)

    with WorkerPool(backend="thread", workers=4) as pool:
        for options in ({"backend": "thread"}, {"pool": pool}):
            found = asyncio.run(streamed(limit_per={tens: 1}, **options))
            assert found == sorted(-item for item in range(20))


def test_a_run_over_rows_keeps_to_it_through_a_resume_and_a_sync(tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    calls = KeyedCalls(tmp_path / "log")

    def called(row: dict[str, str]) -> dict[str, int]:
        return {"found": calls.plain(int(row["number"]))}

    def key(row: dict[str, str]) -> int:
        return tens(int(row["number"]))

    def rows(numbers: range) -> str:
        return "number\n" + "".join(f"{number}\n" for number in numbers)

    options: dict[str, Any] = {"backend": "thread", "workers": 4, "limit_per": {key: 1}}
    source.write_text(rows(range(20)))
    assert run(called, source, output, **options).written == 20
    source.write_text(rows(range(30)))
    assert run(called, source, output, mode="resume", **options).written == 10
    source.write_text(rows(range(5, 40)))
    assert run(called, source, output, mode="sync", **options).written == 10
    assert output.read_text() == "found\n" + "".join(f"{-item}\n" for item in range(5, 40))
    assert calls.peaks() == dict.fromkeys(range(4), 1)
    assert calls.path.read_text().count("+") == 40


TASK = """
from pathlib import Path

from keyed_calls import KeyedCalls, tens

calls = KeyedCalls(Path("log"))

def called(row):
    return calls.plain(row["number"])

def key(row):
    return tens(row["number"])
"""


def test_the_command_line_names_functions_of_the_task(place: Place) -> None:
    place.write("keyed_calls.py", Path(keyed_calls.__file__).read_text())
    place.write("tasks.py", TASK)
    rows = [f'{{"number": {number}}}\n' for number in range(20)]
    place.write("in.jsonl", "".join([*rows, "{}\n", "no row\n"]))
    words = ["tasks.py:called", "in.jsonl", "-o", "out.jsonl", "-j", "4", "--backend", "thread"]
    done = place.run(*words, "--limit-per", "key=1", "--export-json", "report.json")
    assert done.returncode == 1
    assert [line["result"] for line in place.results("out.jsonl")] == [-one for one in range(20)]
    assert KeyedCalls(place.directory / "log").peaks() == {0: 1, 1: 1}
    without_key, unreadable = place.failures()
    assert without_key["error"] == "limit_per failed: 'number'"
    assert (unreadable["index"], unreadable["error_type"]) == (21, "JSONDecodeError")
    assert json.loads(place.text("report.json"))["settings"]["limit_per"] == {"key": 1}
    done = place.run(*words[:2], "--dry-run", "--sample", "5", "--limit-per", "key=1")
    assert "- Limited by keys: the time depends on how many items share one\n" in done.stdout
    assert done.stdout.endswith("- Predicted time: not measured\n")


REFUSED = [
    (["key"], "--limit-per must be NAME=N, got 'key'; for example host=2"),
    (["=2"], "--limit-per must be NAME=N, got '=2'; for example host=2"),
    (["key=0"], "--limit-per key must be at least 1, got 0; for example key=2"),
    (["key=two"], "--limit-per key must be a whole number, got 'two'; for example key=2"),
    (["key=1", "key=2"], "--limit-per key: is given twice; give one number"),
]


@pytest.mark.parametrize(("words", "fault"), REFUSED)
def test_words_that_make_no_limit_are_refused(words: list[str], fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        RunSettings.of(task="tasks.py:called", source="in.txt", limit_per=words)
    assert caught.value.messages == (fault,)


def test_what_is_no_function_of_an_item_is_refused_in_a_line(place: Place) -> None:
    place.write("tasks.py", "async def later(line): return 1\n")
    for name, fault in [
        ("later", "--limit-per later: must be a plain function, not an async one"),
        ("lter", "no function 'lter' in tasks.py; did you mean later?"),
    ]:
        done = place.run("tasks.py:later", "in.txt", "--limit-per", f"{name}=1")
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{fault}\n")


def test_a_task_that_replaces_names_cannot_be_asked(place: Place) -> None:
    place.write("tasks.py", "import time\ntime.time = lambda: 0\ndef same(item): return item\n")
    place.write("in.txt", "1\n")
    done = place.run("tasks.py:same", "in.txt", "--limit-per", "same=1")
    assert done.returncode == 2
    assert "--limit-per is called in the process that reads and writes" in done.stderr


FAULTS = [
    ({}, "limit_per must map functions of an item to how many may run at once, got {}; for "
     "example {host: 2}"),
    (["abs=1"], "limit_per must have functions that take the item, got 'abs'"),
    ({abs: 0}, "limit_per must be at least 1, got 0; for example {host: 2}"),
    ({abs: "2"}, "limit_per must be a whole number, got '2'; for example {host: 2}"),
    ({abs: True}, "limit_per must be a whole number, got True; for example {host: 2}"),
    ({"abs": 1}, "limit_per must have functions that take the item, got 'abs'"),
    ({KeyedCalls.awaiting: 1}, "limit_per must have functions that take the item, and a plain one, "
     "not an async one"),
]  # fmt: skip


@pytest.mark.parametrize(("limits", "fault"), FAULTS)
def test_what_makes_no_sense_is_refused(tmp_path: Path, limits: Any, fault: str) -> None:
    assert_refused({"limit_per": limits}, fault, tmp_path)


def test_items_that_share_a_call_are_refused(tmp_path: Path) -> None:
    fault = (
        "limit_per counts items one by one, and batched has many share a call; leave one of them "
        "out"
    )
    assert_refused({"limit_per": {abs: 1}, "batched": 4}, fault, tmp_path)
