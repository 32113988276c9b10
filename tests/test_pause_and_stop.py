"""A function that asks for a pause of all, or for the end of the run."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import batchmap
import pytest
from batchmap import (
    ItemRecord,
    Pause,
    RetryAfter,
    RunStoppedError,
    Stop,
    parallel_map,
    run,
    stream_map,
)
from batchmap.engine import stream_batches
from batchmap.executors import open_executor
from batchmap.options import EngineOptions
from batchmap.records import Batch
from batchmap.scheduling.hold import Hold
from batchmap.stopping import StopRequest
from batchmap.worker.back_off import current_attempt
from batchmap.worker.processor import BatchProcessor

from tests.fakes import FakeClock
from tests.run_command import Place, place
from tests.test_retry_policy import BACKENDS, by_index, for_backend, scheduled
from tests.waiting import wait_until

__all__ = ["place"]


@pytest.mark.parametrize("batch_size", [1, 3, 6])
def test_in_a_pause_nothing_is_started(batch_size: int) -> None:
    clock = FakeClock()
    begun: list[tuple[int, int]] = []

    def ask(item: int) -> None:
        begun.append((round(clock.now()), item))
        if item == 2 and len(begun) == 3:
            raise Pause(60)

    records = scheduled(ask, 6, clock, batch_size=batch_size)
    assert begun[:3] == [(0, 0), (0, 1), (0, 2)]
    assert sorted(begun[3:]) == [(60, 2), (60, 3), (60, 4), (60, 5)]
    items = by_index(item for record in records for item in record.item_records())
    assert [(item.index, item.attempts, item.failure) for item in items] == [
        (index, 1, None) for index in range(6)
    ]


def test_each_pause_counts_from_when_it_was_asked_for_and_the_longest_lasts() -> None:
    clock, stop = FakeClock(), StopRequest()
    hold = Hold(stop, lambda: ThreadPoolExecutor(1), clock)
    assert (hold.left_s(), stop.on_hold) == (0, False)
    hold.begin(30, "quota")
    clock.sleep(20)
    hold.begin(5, "quota")
    assert (hold.left_s(), stop.on_hold) == (10, True)
    hold.begin(15, "quota")
    assert (hold.left_s(), hold.time_s()) == (15, 0)
    clock.sleep(18)  # nobody looked for a while
    assert (hold.left_s(), stop.on_hold) == (0, False)
    assert hold.time_s() == 3
    hold.begin(7, "quota")
    clock.sleep(7)
    assert (hold.left_s(), hold.time_s()) == (0, 3)


def test_a_pause_is_none_of_the_time_that_an_item_has() -> None:
    clock = FakeClock()
    begun: list[int] = []

    def ask(item: int) -> None:
        begun.append(round(clock.now()))
        if current_attempt.get() < 3:
            clock.time_s += 1
            raise Pause(1000) if len(begun) == 2 else RetryAfter(9)

    [record] = scheduled(ask, 1, clock, within_s=25)
    assert (begun, record.failures) == ([0, 10, 1011, 1021], {})
    assert record.attempts == {0: 3}


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_item_that_asked_is_tried_again_and_that_is_no_failed_attempt(backend: str) -> None:
    paused: set[int] = set()

    def ask(item: int, paused: Any = paused) -> int:
        if item % 40 == 7 and item not in paused:
            paused.add(item)  # in processes, perhaps once in each
            raise Pause(0.01, "quota")
        return -item

    function = for_backend(backend, ask)
    variants: tuple[dict[str, Any], ...] = ({"batch_size": 8}, {}, {"retries": 0})
    for options in variants:
        paused.clear()
        records = stream_map(function, range(99), backend=backend, workers=2, **options)
        items = by_index(records)
        assert [item.result for item in items] == [-number for number in range(99)]
        assert {item.attempts for item in items} == {1}


def test_threads_begin_no_item_of_their_batches_in_a_pause() -> None:
    stop, both = StopRequest(), threading.Barrier(2)
    begun: list[int] = []

    def ask(item: int) -> int:
        assert not stop.on_hold
        begun.append(item)
        if item in (0, 10) and begun.count(item) == 1:
            both.wait(60)
            if item == 0:
                raise Pause(0.05)
            wait_until(lambda: stop.on_hold)
        return -item

    records = stream_batches(
        BatchProcessor(ask, stop=stop), range(20), stop=stop, total=20,
        options=EngineOptions(backend="thread", workers=2, batch_size=10),
    )  # fmt: skip
    items = by_index(item for record in records for item in record.item_records())
    assert [item.result for item in items] == [-number for number in range(20)]
    assert sorted(begun) == sorted([0, *range(20)])


def test_coroutines_of_a_batch_that_wait_for_their_turn_go_on_after_the_pause() -> None:
    begun: list[int] = []

    async def ask(item: int) -> int:
        begun.append(item)
        if item == 1 and begun.count(1) == 1:
            raise Pause(0.01)
        return -item

    records = stream_map(ask, range(9), workers=1, batch_size=9)
    first = next(records)
    assert (first.index, begun) == (0, [0, 1])
    assert by_index([first, *records]) == [ItemRecord(n, -n, None, 1, ANY) for n in range(9)]
    assert sorted(begun) == sorted([1, *range(9)])


def test_worker_processes_begin_no_item_until_they_are_told_to() -> None:
    with open_executor("process", 1) as executor:
        process = BatchProcessor(abs).process
        executor.begin_no_more()
        record = executor.submit(process, Batch(0, 0, range(-9, 0))).result(60)
        assert len(record.results) == 0
        executor.begin_again()
        record = executor.submit(process, Batch(0, 0, range(-9, 0))).result(60)
        assert list(record.results) == [9, 8, 7, 6, 5, 4, 3, 2, 1]


def stop_at_50(item: int) -> int:
    if item == 50:
        raise Stop("no quota left")
    if item == 40:
        raise ValueError(item)
    return -item


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_function_stops_the_run(backend: str) -> None:
    options: dict[str, Any] = {"backend": backend, "workers": 1}
    if backend != "auto":
        options["batch_size"] = 5
    with pytest.raises(RunStoppedError) as caught:
        parallel_map(for_backend(backend, stop_at_50), range(10_000), **options)
    error = caught.value
    assert (str(error), error.reason) == ("stopped by the function: no quota left", "no quota left")
    assert [record.index for record in error.failures] == [40]
    assert 50 <= len(error.results) < 10_000
    for index, result in enumerate(error.results):
        if index == 40:
            assert result is error.failures[0]
        elif index < 50 or not isinstance(result, ItemRecord):
            assert result == -index
        else:
            assert (result.index, result.attempts) == (index, 0)
            assert result.failure is not None
            assert result.failure.error_type == "NotBegun"
            assert result.failure.error.endswith("stopped the run: no quota left")
    assert not error.results[50:51] or isinstance(error.results[50], ItemRecord)


@pytest.mark.parametrize("keep_order", [False, True])
@pytest.mark.parametrize("backend", ["thread", "process"])
def test_a_stream_has_all_that_is_done_and_then_says_that_it_was_stopped(
    backend: str, keep_order: bool
) -> None:
    options: dict[str, Any] = {"backend": backend, "workers": 1, "batch_size": 5}
    records = stream_map(stop_at_50, range(10_000), keep_order=keep_order, **options)
    seen: list[int] = []
    with pytest.raises(RunStoppedError, match="no quota left"):
        seen.extend(record.index for record in records)
    assert set(range(50)) <= set(seen)
    assert 50 not in seen
    assert len(seen) == len(set(seen)) < 10_000
    assert seen == sorted(seen) or not keep_order


def test_a_stop_without_a_word_and_one_for_a_pause_of_days() -> None:
    def ask(item: Exception) -> None:
        raise item

    for error, reason in (
        (Stop(), "the function asked for it"),
        (Pause(timedelta(days=2), "quota"), "a pause of 172800 s: quota"),
    ):
        with pytest.raises(RunStoppedError) as caught:
            list(stream_map(ask, [error]))
        assert caught.value.reason == reason
        with pytest.raises(RunStoppedError) as caught:
            parallel_map(lambda item: ask(item), [error])
        assert (caught.value.reason, caught.value.results) == (reason, [])


def test_its_item_is_not_done_and_a_resumed_run_takes_it(tmp_path: Path) -> None:
    output, spent, calls = tmp_path / "out.jsonl", tmp_path / "spent", tmp_path / "calls"
    spent.touch()

    def ask(item: int) -> int:
        with calls.open("a") as file:
            file.write(f"{item}\n")
        if item == 7 and spent.exists():
            raise Stop("spent")
        return -item

    options: dict[str, Any] = {"backend": "thread", "workers": 2, "unordered": True}
    outcome = run(ask, range(30), output, **options)
    assert (outcome.finished, outcome.stopped, outcome.failed) == (False, "spent", 0)
    assert 7 <= outcome.written < 30
    spent.unlink()
    outcome = run(ask, range(30), output, mode="resume", **options)
    assert (outcome.finished, outcome.stopped, outcome.failed) == (True, "", 0)
    assert outcome.written + outcome.written_before == 30
    asked = calls.read_text().split()
    assert sorted(map(int, asked)) == sorted([7, *range(30)])


@pytest.mark.parametrize("seconds", [0, -1, "5", None])
def test_what_is_no_time_is_refused_where_it_is_raised(seconds: Any) -> None:
    with pytest.raises(ValueError, match=r"^Pause\(seconds\) must be "):
        Pause(seconds)


@pytest.mark.parametrize("error", [Pause(5, "why"), Pause(timedelta(1)), Stop("why"), Stop()])
def test_they_can_be_pickled(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    stopped = RunStoppedError("why", results=[1], failures=[])
    assert vars(pickle.loads(pickle.dumps(stopped))) == vars(stopped)


def test_the_names_are_there_when_asked_for() -> None:
    assert {"Pause", "Stop", "RunStoppedError"} <= set(batchmap.__all__)


TASKS = """
from pathlib import Path
from batchmap import Pause, Stop

def until_spent(item):
    if item == "7" and not Path("bought").exists():
        raise Stop("the quota is spent\\x1b[31m")
    return item

paused = set()
def paused_once(item):
    if item == "7" and not paused:
        paused.add(item)
        raise Pause(0.01, "too many")
    return item

def days(item):
    raise Pause(86_400)
"""


@pytest.mark.parametrize("backend", ["auto", "process"])
def test_the_command_ends_with_4_and_says_how_to_go_on(place: Place, backend: str) -> None:
    place.write("quota.py", TASKS)
    place.numbers(30)
    words = f"quota.py:until_spent in.txt -o out.jsonl -j 1 --backend {backend}".split()
    done = place.run(*words)
    assert done.returncode == 4
    assert "Run stopped after 7 items, by the function: the quota is spent" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stderr.splitlines()[-1].startswith("resume with: ")
    assert place.failures() == []
    place.write("bought", "")
    assert place.run(*words, "--resume").returncode == 0
    place.check("out.jsonl", range(30))


def test_without_a_file_it_ends_with_4_too(place: Place) -> None:
    place.write("quota.py", TASKS)
    done = place.run("quota.py:until_spent", "in.txt")
    assert done.returncode == 4
    assert [line for line in done.stdout.splitlines() if '"7"' in line] == []
    assert "by the function: the quota is spent" in done.stderr


def test_a_pause_is_told_of_and_over_in_the_end(place: Place) -> None:
    place.write("quota.py", TASKS)
    done = place.run("quota.py:paused_once", "in.txt", "-o", "out.jsonl", quiet=False)
    assert done.returncode == 0
    assert "nothing new is started for 0.01 s: a pause of 0.01 s: too many" in done.stderr
    place.check("out.jsonl", range(10))


def test_a_dry_run_waits_for_no_pause(place: Place) -> None:
    place.write("quota.py", TASKS)
    done = place.run("quota.py:days", "in.txt", "-o", "out.jsonl", "--dry-run", quiet=False)
    assert done.returncode == 0
    assert "the function stopped what was measured: a pause of 86400 s" in done.stderr
    assert place.names() == {"quota.py"}


def test_a_comparison_that_is_stopped_ends_with_4(
    run_main: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "quota.py").write_text(TASKS)
    (tmp_path / "in.txt").write_text("".join(f"{number}\n" for number in range(20)))
    done = run_main("compare", "quota.py:until_spent", "in.txt")
    assert done.returncode == 4
    assert "stopped by the function: the quota is spent" in done.stderr
