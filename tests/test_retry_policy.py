"""Which items are tried again and when: by what the function raises, by `retry_if`, by time."""

from __future__ import annotations

import asyncio
import math
import pickle
import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import batchmap
import pytest
from batchmap import (
    ItemRecord,
    ItemsFailedError,
    Permanent,
    RetryAfter,
    parallel_map,
    run,
    stream_map,
)
from batchmap.clock import Clock
from batchmap.executors import open_executor
from batchmap.records import BatchRecord
from batchmap.scheduling.batching import BatchSizing, cut
from batchmap.scheduling.scheduler import BatchScheduler
from batchmap.scheduling.throttle import LOOK_AGAIN_S, Throttle
from batchmap.worker.back_off import RetryLimits, current_attempt
from batchmap.worker.processor import BatchProcessor
from batchmap.worker.retry_decision import decide_retry

from tests.fakes import FakeClock
from tests.refusals import assert_refused

BACKENDS = ["sequential", "thread", "process", "async", "auto"]


def by_index(records: Iterable[ItemRecord]) -> list[ItemRecord]:
    return sorted(records, key=lambda record: record.index)


def for_backend(backend: str, function: Callable[[int], Any]) -> Callable[[int], Any]:
    async def asynchronous(item: int) -> Any:
        return function(item)

    return asynchronous if backend == "async" else function


def wait_a_little(item: int) -> int:
    if item % 3 == 1 and current_attempt.get() < 3:
        raise RetryAfter(timedelta(milliseconds=2), "busy")
    if item % 3 == 2:
        raise Permanent(f"no {item}") from KeyError(item)
    return -item


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_function_says_how_its_item_goes_on(backend: str) -> None:
    function = for_backend(backend, wait_a_little)
    records = by_index(stream_map(function, range(12), backend=backend, workers=2))
    assert [record.attempts for record in records] == [1, 3, 1] * 4
    results = [record.result for record in records]
    assert results == [None if item % 3 == 2 else -item for item in range(12)]
    failure = records[2].failure
    assert failure is not None
    assert (failure.error_type, failure.error) == ("Permanent", "no 2")
    assert type(failure.exception) is Permanent
    assert isinstance(failure.exception.__cause__, KeyError)
    with_retries = stream_map(function, range(12), backend=backend, workers=2, retries=5)
    assert [record.attempts for record in by_index(with_retries)] == [1, 3, 1] * 4


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_retries_nothing_is_tried_again(backend: str) -> None:
    function = for_backend(backend, wait_a_little)
    with pytest.raises(ItemsFailedError) as caught:
        parallel_map(function, range(2), backend=backend, workers=2, retries=0)
    [record] = caught.value.failures
    failure: Any = record.failure
    assert (record.attempts, failure.error_type) == (1, "RetryAfter")
    assert failure.error == "to be tried again after 0.002 s: busy"
    assert failure.exception.seconds == 0.002


def test_what_a_task_of_a_group_asks_for_counts() -> None:
    async def ask(item: int) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(wait_a_little, item))

    for batch_size in (1, 3):
        records = by_index(stream_map(ask, range(3), batch_size=batch_size))
        assert [record.attempts for record in records] == [1, 3, 1]
        assert records[2].failure is not None
        assert records[2].failure.error_type == "ExceptionGroup"


def test_a_function_that_asks_for_ever_fails_in_the_end() -> None:
    def insist(item: int) -> None:
        raise RetryAfter(0)

    [record] = stream_map(insist, [1])
    assert record.attempts == 11


@pytest.mark.parametrize("give", [list, iter, tuple])
@pytest.mark.parametrize("asks", [0, 1, 9, 60, 399])
def test_inline_each_item_is_called_as_often_as_it_asks(
    give: Callable[[Iterable[int]], Iterable[int]], asks: int
) -> None:
    calls: list[int] = []

    def ask_once(item: int) -> int:
        calls.append(item)
        if item == asks and calls.count(item) < 3:
            raise RetryAfter(0.001)
        if item == 5:
            raise ValueError(item)
        return -item

    results: list[Any] = parallel_map(ask_once, give(range(400)), on_error="record")
    assert results[5].failure.error_type == "ValueError"
    assert [one for at, one in enumerate(results) if at != 5] == [
        -item for item in range(400) if item != 5
    ]
    assert sorted(calls) == sorted([*range(400), asks, asks])


def test_an_only_item_is_tried_again() -> None:
    assert parallel_map(wait_a_little, [1]) == [-1]


@pytest.mark.parametrize("give", [list, iter])
def test_coroutines_that_a_plain_function_returns_are_made_again(
    give: Callable[[Iterable[int]], Iterable[int]],
) -> None:
    begun: list[int] = []

    async def fetch(item: int) -> int:
        begun.append(item)
        if begun.count(item) == 1:
            raise RetryAfter(0)
        return -item

    assert parallel_map(lambda item: fetch(item), give(range(20))) == [-n for n in range(20)]
    assert sorted(begun) == sorted([*range(20), *range(20)])


def test_stop_at_the_first_failure_is_not_for_one_that_is_tried_again() -> None:
    assert parallel_map(wait_a_little, [0, 1, 3, 4] * 9, on_error="stop") == [0, -1, -3, -4] * 9
    with pytest.raises(ItemsFailedError, match="item 2: Permanent: no 2"):
        parallel_map(wait_a_little, range(9), on_error="stop", workers=1)


class Refused(Exception):
    pass


@pytest.mark.parametrize("backend", BACKENDS)
def test_retry_if_says_which_errors_are_tried_again(backend: str) -> None:
    def refuse(item: int) -> int:
        from batchmap.worker.back_off import current_attempt

        if item and current_attempt.get() < 3:
            raise Refused(item)
        return -item

    def retry_if(error: BaseException) -> Any:
        assert isinstance(error, Refused)
        return {1: True, 2: 0.001, 3: timedelta(0), 4: False, 5: None}[error.args[0]]

    options: dict[str, Any] = {"backend": backend, "workers": 2, "retry_if": retry_if}
    records = by_index(stream_map(for_backend(backend, refuse), range(6), **options))
    assert [record.attempts for record in records] == [1, 3, 3, 3, 1, 1]
    assert [record.result for record in records] == [0, -1, -2, -3, None, None]
    records = by_index(stream_map(for_backend(backend, refuse), range(6), retries=1, **options))
    assert [record.attempts for record in records] == [1, 2, 2, 2, 1, 1]


def test_retry_if_is_not_asked_where_the_function_has_said_it() -> None:
    records = by_index(stream_map(wait_a_little, range(3), retry_if=lambda error: 1 / 0))
    assert [record.attempts for record in records] == [1, 3, 1]
    assert records[2].failure is not None
    assert "retry_if" not in records[2].failure.error


@pytest.mark.parametrize(
    ("retry_if", "why"),
    [
        (lambda error: error.code, "AttributeError: 'Refused' object has no attribute 'code'"),
        (lambda error: "yes", "TypeError: it must return True, False, seconds from 0 or a "
                              "timedelta, and returned 'yes'"),
        (lambda error: -1, "TypeError: it must return True, False, seconds from 0 or a timedelta, "
                           "and returned -1"),
        (lambda error: math.nan, "TypeError: it must return True, False, seconds from 0 or a "
                                 "timedelta, and returned nan"),
        (lambda error: exit(3), "SystemExit: 3"),
    ],
)  # fmt: skip
def test_a_retry_if_that_fails_is_told_of_beside_the_error(retry_if: Any, why: str) -> None:
    def refuse(item: int) -> None:
        raise Refused("not now")

    [record] = stream_map(refuse, [1], retry_if=retry_if)
    assert record.attempts == 1
    assert record.failure is not None
    assert (record.failure.error_type, record.failure.error) == (
        "Refused", f"not now (retry_if failed: {why})",
    )  # fmt: skip


@pytest.mark.parametrize("backend", ["thread", "process"])
def test_retry_if_is_asked_of_items_that_take_too_long(backend: str) -> None:
    def hang(item: int) -> None:
        threading.Event().wait()

    def attempts(retry_if: Any) -> int:
        options: dict[str, Any] = {"backend": backend, "workers": 1, "timeout_s": 0.05}
        [record] = stream_map(hang, [1], retries=1, retry_if=retry_if, **options)
        assert record.failure is not None
        assert record.failure.error_type == "TimeoutError"
        return record.attempts

    assert attempts(lambda error: isinstance(error, TimeoutError)) == 2
    assert attempts(lambda error: not isinstance(error, TimeoutError)) == 1


def scheduled(
    function: Callable[[int], Any],
    number: int,
    clock: Clock,
    *,
    batch_size: int = 1,
    throttle: Throttle | None = None,
    **limits: Any,
) -> list[BatchRecord]:
    """Return the records of items that one worker runs, in the order in which they end."""
    with open_executor("sequential", 1) as executor:
        scheduler = BatchScheduler(
            executor,
            BatchProcessor(function, clock=clock).process,
            cut(range(number), number, BatchSizing(batch_size).next_size),
            max_in_flight=1,
            retries=RetryLimits.of(limits.pop("retries", None), **limits),
            throttle=throttle,
            clock=clock,
        )
        return list(scheduler.records())


def test_a_wait_holds_up_no_worker() -> None:
    clock = FakeClock()
    begun: list[tuple[float, int]] = []

    def note(item: int) -> None:
        begun.append((clock.now(), item))
        clock.time_s += 1
        if item == 0 and len(begun) == 1:
            raise RetryAfter(100)

    scheduled(note, 4, clock)
    assert begun[:4] == [(0, 0), (1, 1), (2, 2), (3, 3)]
    [(again_s, item)] = begun[4:]
    assert item == 0
    assert again_s == pytest.approx(101)


@pytest.mark.parametrize(
    ("batch_size", "asks", "within_s", "expected"),
    [
        (1, 0, 39.5, [0, 10, 20, 30]),
        (1, 0, 40, [0, 10, 20, 30, 40]),
        (3, 2, 39.5, [2, 12, 22, 32]),
        (3, 0, 41, [0, 12, 22, 32]),  # its batch ends 2 s after it does
    ],
)
def test_all_attempts_and_waits_of_an_item_have_a_limit_together(
    batch_size: int, asks: int, within_s: float, expected: list[float]
) -> None:
    clock = FakeClock()
    begun: list[float] = []

    def ask(item: int) -> None:
        clock.time_s += 1
        if item == asks:
            begun.append(clock.now() - 1)
            raise RetryAfter(9)

    records = scheduled(ask, batch_size, clock, batch_size=batch_size, within_s=within_s)
    assert begun == pytest.approx(expected)
    assert sum(len(record.failures) for record in records) == 1


def test_what_would_wait_beyond_the_limit_fails_at_once() -> None:
    clock = FakeClock()

    def ask(item: int) -> None:
        raise RetryAfter(60 + item)

    first, second = scheduled(ask, 2, clock, retries=1, within_s=60)
    assert [first.first_item, second.first_item] == [1, 0]
    assert clock.now() == pytest.approx(60)


def test_nothing_waits_for_more_than_a_day() -> None:
    for seconds, is_final in ((86_400, False), (86_401, True)):
        for decision in (
            decide_retry(RetryAfter(timedelta(seconds=seconds))),
            decide_retry(Refused(), RETURNS[seconds]),
        ):
            assert decision is not None
            assert decision.is_final is is_final
    assert decide_retry(Refused()) is decide_retry(Refused(), lambda error: True) is None


RETURNS: dict[int, Callable[[BaseException], float]] = {
    86_400: lambda error: 86_400,
    86_401: lambda error: 86_401,
}


def test_while_one_waits_no_more_results_are_held_back_than_there_is_room_for() -> None:
    clock = FakeClock()
    begun: list[int] = []

    def ask(item: int) -> None:
        begun.append(item)
        if item == 0 and begun.count(0) == 1:
            raise RetryAfter(5)

    def has_room() -> bool:
        return len(begun) < 3 or begun.count(0) == 2

    scheduled(ask, 9, clock, throttle=Throttle(has_room=has_room, clock=clock))
    assert begun == [0, 1, 2, 0, 3, 4, 5, 6, 7, 8]
    throttle = Throttle(has_room=lambda: False, clock=clock)
    assert throttle.delay_s(in_flight=False) == 0
    assert throttle.delay_s(in_flight=False, retry_in_s=0.0) == 0
    assert throttle.delay_s(in_flight=True, retry_in_s=0.0) == 0
    assert throttle.delay_s(in_flight=False, retry_in_s=9.0) == LOOK_AGAIN_S


@pytest.mark.parametrize(
    ("options", "usual", "requested"),
    [
        ((None,), 0, 10),
        ((0,), 0, 0),
        ((3,), 3, 3),
        ((None, 60.0), 1000, 1000),
        ((3, 60.0), 3, 3),
    ],
)
def test_how_often_an_item_is_tried_again(options: Any, usual: int, requested: int) -> None:
    limits = RetryLimits.of(*options)
    assert (limits.retries, limits.when_requested) == (usual, requested)
    assert RetryLimits.of(None, has_retry_if=True).retries == 10


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, "5", None, True, timedelta(-1)])
def test_what_is_no_time_to_wait_is_refused_where_it_is_raised(seconds: Any) -> None:
    with pytest.raises(ValueError, match=r"^RetryAfter\(seconds\) must be seconds from 0"):
        RetryAfter(seconds)


class QuotaSpent(RetryAfter):
    def __init__(self) -> None:
        super().__init__(3, "spent")


@pytest.mark.parametrize("error", [RetryAfter(5), RetryAfter(timedelta(1), "why"), Permanent("a")])
def test_they_can_be_pickled(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_classes_of_ones_own_may_derive_from_them() -> None:
    def ask(item: int) -> int:
        raise QuotaSpent

    [record] = stream_map(ask, [1], backend="process", workers=1, retries=0)
    assert record.failure is not None
    assert isinstance(record.failure.exception, QuotaSpent)
    assert record.failure.exception.seconds == 3


def test_the_names_are_there_when_asked_for() -> None:
    assert {"Permanent", "RetryAfter"} <= set(batchmap.__all__)


async def asynchronous(error: BaseException) -> bool:
    return True


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"retry_if": "f"}, "retry_if must be a function that takes the error, got 'f'"),
        ({"retry_if": OSError}, "retry_if must be a function that takes the error, got the class "
         "OSError; give lambda error: isinstance(error, it)"),
        ({"retry_if": lambda: True}, "retry_if must be a function that takes the error, and this "
         "one does not: too many positional arguments"),
        ({"retry_if": asynchronous}, "retry_if must be a function that takes the error, and a "
         "plain one, not an async one"),
        ({"retry_if": bool, "retries": 0}, "retry_if is about retries and retries 0 allows none; "
         "leave retries out"),
        ({"retry_for": 5, "retries": 0}, "retry_for is about retries and retries 0 allows none; "
         "leave retries out"),
        ({"retry_for": 0}, "retry_for must be above 0 and at most 86400 seconds, got 0; for "
         "example 1m30s"),
        ({"retry_for": "soon"}, "retry_for must be above 0 and at most 86400 seconds, got 'soon'; "
         "for example 1m30s"),
        ({"retry_for": timedelta(-1)}, "retry_for must be above 0 and at most 86400 seconds, got "
         "datetime.timedelta(days=-1); for example 1m30s"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, options: dict[str, Any], fault: str
) -> None:
    assert_refused(options, fault, tmp_path)


def test_run_has_the_same_policy(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    outcome = run(wait_a_little, range(6), output, backend="process", workers=2)
    assert (outcome.written, outcome.failed) == (4, 2)

    def refuse(item: int) -> int:
        if current_attempt.get() < 3:
            raise Refused(item)
        return item

    for retry_if, written in ((lambda error: 0, 3), (lambda error: False, 0)):
        options: dict[str, Any] = {"mode": "overwrite", "retry_for": timedelta(minutes=1)}
        outcome = run(refuse, range(3), output, retry_if=retry_if, backend="thread", **options)
        assert (outcome.written, outcome.failed) == (written, 3 - written)
