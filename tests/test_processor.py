"""BatchProcessor: one bad item costs one item, whatever it raises."""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any

import pytest
from batchmap import BatchProcessor
from batchmap.records import Batch, BatchRecord
from batchmap.stopping import StopRequest, Urgency
from batchmap.worker.back_off import back_off_s, current_attempt
from batchmap.worker.failures import LONGEST_TEXT
from batchmap.worker.record_builder import joined_record

from tests.fakes import FakeClock


class TwoArguments(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one, two)


class NoText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text either")


def test_a_batch_gives_one_entry_an_item_in_order() -> None:
    record = BatchProcessor(lambda item: item * 2).process(Batch(3, 10, (1, 2, 3)))
    items = list(record.item_records())
    assert [(item.index, item.result, item.failure) for item in items] == [
        (10, 2, None),
        (11, 4, None),
        (12, 6, None),
    ]
    assert record.batch_index == 3


def test_any_iterable_is_a_batch() -> None:
    assert BatchProcessor(str).process(range(3)).results == ["0", "1", "2"]


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad"),
        TwoArguments("a", "b"),
        NoText(),
        KeyError("missing"),
        SystemExit(3),
        GeneratorExit(),
        asyncio.CancelledError(),
        RecursionError(),
    ],
)
def test_whatever_an_item_raises_is_that_items_failure(error: BaseException) -> None:
    def fail_on_two(item: int) -> int:
        if item == 2:
            raise error
        return item

    record = BatchProcessor(fail_on_two).process([1, 2, 3])
    assert record.results == [1, None, 3]
    assert list(record.failures) == [1]
    assert record.failures[1].error_type == type(error).__qualname__


def test_a_failure_holds_message_and_traceback_cut_to_size() -> None:
    def fail(item: str) -> None:
        raise ValueError(item * 1000)

    failure = BatchProcessor(fail).process_item("x" * 100).failure
    assert failure is not None
    assert failure.error == "x" * LONGEST_TEXT
    assert "in fail" in failure.traceback


def test_a_keyboard_interrupt_of_the_function_is_its_failure_under_a_handler() -> None:
    def interrupt(item: int) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        record = BatchProcessor(interrupt).process([1])
    finally:
        signal.signal(signal.SIGINT, before)
    assert record.failures[0].error_type == "KeyboardInterrupt"


def test_ctrl_c_in_a_script_is_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt):
        BatchProcessor(lambda item: signal.raise_signal(signal.SIGINT)).process([1])


def fails_until(attempt: int) -> Any:
    def function(item: int) -> int:
        if current_attempt.get() < attempt:
            raise OSError(f"attempt {current_attempt.get()}")
        return item

    return function


def test_retries_end_with_the_first_success() -> None:
    clock = FakeClock()
    item = BatchProcessor(fails_until(3), retries=5, clock=clock).process_item(7)
    assert (item.result, item.failure, item.attempts) == (7, None, 3)
    assert len(clock.sleeps) == 2
    assert item.duration_s == sum(clock.sleeps)


def test_when_all_attempts_fail_the_last_error_counts() -> None:
    item = BatchProcessor(fails_until(9), retries=2, clock=FakeClock()).process_item(7)
    assert item.failure is not None
    assert (item.failure.error, item.attempts) == ("attempt 3", 3)


def test_back_off_doubles_with_jitter_up_to_a_bound() -> None:
    assert [back_off_s(retry, jitter=lambda: 1.0) for retry in (1, 2, 3)] == [0.05, 0.1, 0.2]
    assert back_off_s(1, jitter=lambda: 0.0) == 0.025
    assert back_off_s(10_000, jitter=lambda: 1.0) == 10.0


def test_a_request_to_stop_ends_the_batch_between_two_items() -> None:
    stop = StopRequest()

    def stop_at_two(item: int) -> int:
        if item == 2:
            stop.request(Urgency.DRAIN)
        return item

    record = BatchProcessor(stop_at_two, stop=stop).process([1, 2, 3, 4])
    assert record.results == [1, 2]
    assert len(record.durations_s) == 2


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="callable"):
        BatchProcessor(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="retries must be at least 0, got -1"):
        BatchProcessor(str, retries=-1)


class NotingMonitor:
    """A monitor that notes each call, and takes what is finished every `every` items."""

    def __init__(self, every: int) -> None:
        self._every = every
        self.seen: list[tuple[int, float]] = []
        self.taken: list[BatchRecord] = []
        self.ended = False

    def heartbeat(self, offset: int, now_s: float, finished: Callable[[int], BatchRecord]) -> float:
        if offset:
            self.taken.append(finished(offset))
        return math.inf

    def begin(self, offset: int, began_s: Iterator[float]) -> Iterator[object]:
        steps = zip(count(offset), began_s, strict=False)
        return map(self.seen.append, islice(steps, self._every))

    def end(self) -> None:
        self.ended = True


@pytest.fixture
def noting() -> NotingMonitor:
    return NotingMonitor(every=3)


def reciprocal_after(clock: FakeClock) -> Callable[[int], float]:
    def reciprocal(item: int) -> float:
        clock.sleep(1 + item)
        if item == 5:
            raise StopIteration("no more")
        return 1 / item

    return reciprocal


def test_a_monitor_learns_of_each_item_when_it_begins(noting: NotingMonitor) -> None:
    clock = FakeClock()
    processor = BatchProcessor(reciprocal_after(clock), clock=clock)
    last = processor.process(Batch(0, 10, tuple(range(8))), monitor=noting)
    parts = [*noting.taken, last]
    assert [offset for offset, _ in noting.seen] == list(range(8))
    assert [began_s for _, began_s in noting.seen] == [0, 1, 3, 6, 10, 15, 21, 28]
    assert [part.first_item for part in parts] == [10, 11, 14, 16]
    assert [s for part in parts for s in part.durations_s] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert joined_record(parts).results == [None, 1, 1 / 2, 1 / 3, 1 / 4, None, 1 / 6, 1 / 7]
    failures = {10 + offset: failure.error_type for offset, failure in last.failures.items()}
    assert noting.taken[0].failures[0].error_type == "ZeroDivisionError"
    assert noting.taken[2].failures[1].error == "no more"
    assert failures == {}
    assert noting.ended


def test_a_monitored_batch_is_cut_short_when_its_budget_is_spent(noting: NotingMonitor) -> None:
    clock = FakeClock()
    processor = BatchProcessor(clock.sleep, budget_s=4, clock=clock)
    record = processor.process(Batch(0, 0, (1.0,) * 100), monitor=noting)
    assert 4 <= len(record.results) + sum(len(part.results) for part in noting.taken) <= 5


def test_cheap_items_that_turn_slow_are_noticed_at_once() -> None:
    clock = FakeClock()

    def turn_slow(item: int) -> None:
        clock.sleep(1e-6 if item < 1000 else 1.0)

    record = BatchProcessor(turn_slow, budget_s=0.1, clock=clock).process(range(2000))
    assert 1000 < len(record.results) <= 1002
