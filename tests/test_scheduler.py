"""The scheduler: every batch once, a bounded number in flight, an end when asked to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any

import pytest
from batchmap.errors import WorkersLostError
from batchmap.executors import open_executor
from batchmap.records import Batch, BatchRecord, ItemRecord
from batchmap.scheduling.scheduler import BatchScheduler
from batchmap.stopping import StopRequest, Urgency
from batchmap.worker.processor import BatchProcessor

from tests.fakes import batch_record

NAMES = ("sequential", "thread", "process")


def batches(number: int, size: int = 1) -> Iterator[Batch]:
    for index in range(number):
        first = index * size
        yield Batch(index, first, tuple(range(first, first + size)))


def run_batches(*arguments: Any, **options: Any) -> Iterator[BatchRecord]:
    return BatchScheduler(*arguments, **options).records()


def negate(item: int) -> int:
    return -item


@pytest.mark.parametrize("name", NAMES)
def test_every_item_comes_back_once(name: str) -> None:
    with open_executor(name, 2) as executor:
        records = run_batches(
            executor, BatchProcessor(negate).process, batches(20, 3), max_in_flight=4
        )
        items = {item.index: item.result for record in records for item in record.item_records()}
    assert items == {index: -index for index in range(60)}


@pytest.mark.parametrize("name", NAMES)
def test_of_a_million_batches_no_more_are_taken_than_may_be_in_flight(name: str) -> None:
    taken = 0

    def counted() -> Iterator[Batch]:
        nonlocal taken
        for batch in batches(1_000_000):
            taken += 1
            yield batch

    with open_executor(name, 2) as executor:
        records = run_batches(executor, BatchProcessor(negate).process, counted(), max_in_flight=4)
        for seen in range(1, 51):
            next(records)
            assert taken <= seen + 4
        records.close()  # type: ignore[attr-defined]


def test_records_come_as_batches_finish() -> None:
    second_is_done = threading.Event()

    def wait_for_second(item: int) -> int:
        if item == 0:
            second_is_done.wait()
        return item

    with open_executor("thread", 2) as executor:
        process = BatchProcessor(wait_for_second).process
        order = []
        for record in run_batches(executor, process, batches(2), max_in_flight=2):
            order.append(record.batch_index)
            second_is_done.set()
    assert order == [1, 0]


def unpicklable(item: int) -> Any:
    return threading.Lock() if item == 4 else item


def test_what_is_left_of_a_batch_cut_short_is_shared_out() -> None:
    sizes = []
    one_item = BatchProcessor(negate, budget_s=0)

    def process(batch: Batch) -> BatchRecord:
        sizes.append(len(batch.items))
        return (one_item if len(sizes) == 1 else BatchProcessor(negate)).process(batch)

    with open_executor("sequential", 1) as executor:
        records = list(run_batches(executor, process, batches(1, 65), max_in_flight=4))
    assert sizes[:3] == [65, 16, 12]
    assert sorted(result for record in records for result in record.results) == list(range(-64, 1))


def test_a_result_that_cannot_come_back_costs_its_item_only() -> None:
    with open_executor("process", 1) as executor:
        records = list(
            run_batches(
                executor, BatchProcessor(unpicklable).process, batches(4, 2), max_in_flight=2
            )
        )
    by_index = {item.index: item for record in records for item in record.item_records()}
    assert sorted(by_index) == list(range(8))
    assert [index for index, item in by_index.items() if item.failure] == [4]
    assert "pickle" in by_index[4].failure.error  # type: ignore[union-attr]


class BrokenAtOnce(Executor):
    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        raise BrokenExecutor("a child process terminated abruptly")


def test_a_broken_executor_is_an_error_with_advice() -> None:
    with pytest.raises(WorkersLostError, match=r"; try fewer workers.* or backend='thread'"):
        list(run_batches(BrokenAtOnce(), process_nothing, batches(1), max_in_flight=1))


def process_nothing(batch: Batch) -> BatchRecord:
    return batch_record(batch.items)


def test_a_request_to_stop_takes_no_more_batches_and_keeps_those_that_run() -> None:
    stop = StopRequest()
    both_run = threading.Barrier(2)

    def stop_when_both_run(item: int) -> int:
        both_run.wait()
        stop.request(Urgency.DRAIN)
        return item

    with open_executor("thread", 2, stop=stop) as executor:
        process = BatchProcessor(stop_when_both_run, stop=StopRequest()).process
        records = list(run_batches(executor, process, batches(1000), max_in_flight=2, stop=stop))
    assert sorted(record.batch_index for record in records) == [0, 1]


def test_batches_that_wait_behind_running_ones_are_dropped_on_a_request_to_stop() -> None:
    stop = StopRequest()
    second_waits = threading.Event()
    second_is_dropped = threading.Event()

    def hold(item: int) -> int:
        second_waits.wait()
        stop.request(Urgency.DRAIN)
        second_is_dropped.wait()
        return item

    with open_executor("thread", 1, stop=stop) as executor:
        submit = executor.submit

        def submit_noted(fn: Any, batch: Batch) -> Future[Any]:
            future = submit(fn, batch)
            if batch.index == 1:
                future.add_done_callback(lambda _: second_is_dropped.set())
                second_waits.set()
            return future

        executor.submit = submit_noted  # type: ignore[method-assign,assignment]
        process = BatchProcessor(hold).process
        records = list(run_batches(executor, process, batches(1000), max_in_flight=2, stop=stop))
    assert [record.batch_index for record in records] == [0]


def test_a_request_to_kill_gives_up_what_runs() -> None:
    stop = StopRequest()
    released = threading.Event()

    def hang(item: int) -> int:
        stop.request(Urgency.KILL)
        released.wait()
        return item

    with open_executor("thread", 1, stop=stop) as executor:
        records = list(
            run_batches(
                executor, BatchProcessor(hang).process, batches(9), max_in_flight=2, stop=stop
            )
        )
    released.set()
    assert records == []


def test_a_maximum_in_flight_below_one_is_refused() -> None:
    with (
        open_executor("thread", 1) as executor,
        pytest.raises(ValueError, match="max_in_flight must be at least 1, got 0"),
    ):
        next(run_batches(executor, process_nothing, batches(1), max_in_flight=0))


class TwoWords(Exception):
    """Pickles, but what it pickles to does not become one again."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} {other}")


def problem_at_three(item: int) -> object:
    sum(range(100_000))
    return TwoWords("a", "b") if item == 3 else item


def test_a_part_that_cannot_be_unpickled_costs_its_item_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("batchmap.executors.process.item_monitor.PART_EVERY_S", 1e-3)
    with open_executor("process", 1) as executor:
        process = BatchProcessor(problem_at_three).process
        records = list(run_batches(executor, process, batches(2, 20), max_in_flight=2))
    items = sorted((item for record in records for item in record.item_records()), key=index_of)
    assert [item.index for item in items] == list(range(40))
    assert [item.index for item in items if item.failure is not None] == [3]


def index_of(item: ItemRecord) -> int:
    return item.index


def test_what_an_abandoned_thread_does_later_changes_nothing() -> None:
    goes_on = threading.Event()

    def wait_at_three(item: int) -> int:
        if item == 3:
            goes_on.wait()
            raise ValueError("late")
        return item

    before = set(threading.enumerate())
    with open_executor("thread", 1, timeout_s=0.05) as executor:
        process = BatchProcessor(wait_at_three).process
        records = run_batches(executor, process, batches(1, 6), max_in_flight=1)
        first = next(records)
        goes_on.set()
        for late in set(threading.enumerate()) - before:
            if late.name == "worker":
                late.join(timeout=10)
                break
        found = [first, *records]
    items = sorted((item for record in found for item in record.item_records()), key=index_of)
    error_types = [item.failure and item.failure.error_type for item in items]
    assert [item.index for item in items] == list(range(6))
    assert error_types == [None, None, None, "TimeoutError", None, None]
