"""Inline runs: cheap items in a plain loop, the rest handed on, nothing lost in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from batchmap.tuning.inline import InlineEnd, run_inline
from batchmap.tuning.inline_chunk import MEASURE_FROM_S, UNDECIDED_S, Chunk, Pace
from batchmap.tuning.thread_meter import ThreadMeter
from batchmap.worker.interruption import SignalHandlers

from tests.fakes import FakeClock

KINDS: list[Callable[[int], Iterable[int]]] = [
    range,
    lambda n: list(range(n)),
    lambda n: tuple(range(n)),
    lambda n: iter(range(n)),
    lambda n: dict.fromkeys(range(n)),
]


class CostlyFrom:
    """A function whose items take `cost_s` each from item `start` on, and no time before."""

    def __init__(self, clock: FakeClock, start: int, cost_s: float) -> None:
        self.clock, self.start, self.cost_s = clock, start, cost_s

    def __call__(self, item: int) -> int:
        if item >= self.start:
            self.clock.time_s += self.cost_s
        return -item


def inline(
    function: Callable[[Any], Any], items: Iterable[Any], results: list[Any], clock: FakeClock
) -> InlineEnd:
    return run_inline(function, items, results, handlers=SignalHandlers(), clock=clock)


@pytest.mark.parametrize("items", KINDS)
@pytest.mark.parametrize("number", [0, 1, 2, 511, 5000])
def test_cheap_items_are_all_done(items: Any, number: int) -> None:
    results: list[int] = []
    clock = FakeClock()
    rest, failed, *_ = inline(CostlyFrom(clock, 0, 0.0), items(number), results, clock)
    assert (rest, failed) == (None, [])
    assert results == [-item for item in range(number)]


@pytest.mark.parametrize("items", KINDS)
@pytest.mark.parametrize(("start", "cost_s"), [(0, 1.0), (1000, 0.1), (2000, 2 * MEASURE_FROM_S)])
def test_items_that_may_be_worth_a_pool_are_handed_on(
    items: Any, start: int, cost_s: float
) -> None:
    results: list[int] = []
    clock = FakeClock()
    rest, *_ = inline(CostlyFrom(clock, start, cost_s), items(5000), results, clock)
    assert rest is not None
    assert len(results) > start
    assert results + [-item for item in rest] == [-item for item in range(5000)]


def test_many_items_between_cheap_and_costly_are_handed_on_after_a_while() -> None:
    results: list[int] = []
    clock = FakeClock()
    rest, *_ = inline(CostlyFrom(clock, 0, 1e-6), range(10**6), results, clock)
    assert rest is not None
    assert clock.now() == pytest.approx(UNDECIDED_S, rel=0.1)


@pytest.mark.parametrize("items", KINDS)
def test_a_failure_costs_its_item(items: Any) -> None:
    def fail_on_tens(item: int) -> int:
        if item % 10 == 0:
            raise ValueError(item)
        return -item

    results: list[Any] = []
    rest, failed, *_ = inline(fail_on_tens, items(95), results, FakeClock())
    assert rest is None
    assert [record.index for record in failed] == list(range(0, 95, 10))
    assert results == [-item if item % 10 else None for item in range(95)]


def test_an_item_that_takes_long_is_handed_on_while_it_runs() -> None:
    go_on = threading.Event()
    clock = FakeClock()  # however slow the machine is

    def wait_at_700(item: int) -> int:
        if item == 700:
            clock.time_s += 1
            assert go_on.wait(60)
        return -item

    results: list[int] = []
    rest, failed, started, *_ = inline(wait_at_700, range(2000), results, clock)
    assert rest is not None
    assert started is not None
    assert not started.future.done()
    go_on.set()
    record = started.future.result(60)
    assert (started.batch.items, record.results) == ((record.first_item,), [-record.first_item])
    assert results == [-item for item in range(record.first_item)]
    assert list(rest) == list(range(record.first_item + 1, 2000))
    assert failed == []


def test_what_only_works_in_the_calling_thread_runs_there() -> None:
    here = threading.get_ident()

    def work(item: int) -> int:
        if threading.get_ident() != here:
            raise RuntimeError("created in another thread")
        return -item

    results: list[int] = []
    assert inline(work, range(2000), results, FakeClock()) == InlineEnd(None, [])
    assert results == [-item for item in range(2000)]


@pytest.mark.parametrize("error", [ConnectionError("gone"), KeyboardInterrupt()])
def test_what_the_source_raises_is_the_callers(error: BaseException) -> None:
    def source() -> Iterator[int]:
        yield from range(700)
        raise error

    results: list[int] = []
    with pytest.raises(type(error)):
        inline(int, source(), results, FakeClock())
    assert len(results) <= 700
    if isinstance(error, Exception):
        assert results == list(range(700))


def test_a_thread_that_gets_no_core_at_first_is_not_taken_for_an_item_that_takes_long() -> None:
    clock = FakeClock()
    clock.time_s = 1e6  # as the machine's own may say
    chunk = Chunk(
        str, [1, 2], whole=None, first=0, pace=Pace(clock), clock=clock,
        watcher=ThreadMeter(clock), handlers=SignalHandlers(), stop_at_failure=False,
        in_calling_thread=False,
    )  # fmt: skip
    assert not chunk.cut()
    chunk.run()
    assert (chunk.done, chunk.is_cut) == (["1", "2"], False)
