"""What the scheduler starts where keys have limits, in any order of ends, failures and retries."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from operator import itemgetter
from typing import Any

import pytest
from batchmap.records import Batch, BatchRecord, ItemFailure
from batchmap.scheduling import keyed_starts
from batchmap.scheduling.keyed_starts import KeyedStarts
from batchmap.scheduling.scheduler import BatchScheduler
from batchmap.scheduling.throttle import Throttle
from batchmap.worker.back_off import RetryLimits

from tests.fakes import FakeClock, batch_record

RETRIES = 2


class Simulated(Executor):
    """Workers whose calls end, in an order of its own, one each time the scheduler is steered."""

    def __init__(self, seed: int) -> None:
        self._dice = dice = random.Random(seed)
        self.items = [(dice.randrange(4), dice.randrange(3)) for _ in range(dice.randrange(40))]
        self.limits = {0: dice.randint(1, 3), 1: dice.randint(1, 3)}
        self.ahead = dice.choice([1, 4, 100])
        self.max_in_flight = dice.randint(1, 5)
        self.running: dict[Future[BatchRecord], Batch] = {}
        self.pending: dict[int, tuple[int, int]] = {}
        """Items that were taken and neither run, nor are done, nor wait for their next attempt."""
        self.waiting: dict[int, tuple[int, int]] = {}
        """Items that have failed and are to be tried again."""
        self.is_exhausted = False
        self.clock = FakeClock()
        self._ended: list[Batch] = []
        self.wake: Callable[[], object] = int

    def batches(self) -> Iterator[Batch]:
        for index, item in enumerate(self.items):
            self.pending[index] = item
            yield Batch(index, index, (item,))
        self.is_exhausted = True

    def submit(self, function: Any, /, *arguments: Any, **_: Any) -> Future[Any]:
        [batch] = arguments
        future: Future[Any] = Future()
        self.running[future] = batch
        if self.pending.pop(batch.first_item, None) is None:
            del self.waiting[batch.first_item]
        return future

    def steer(self) -> float:
        # Of the call that has just ended, the scheduler did not know when it filled the workers.
        busy = [*self.running.values(), *self._ended]
        keys = [key for batch in busy for key in enumerate(batch.items[0])]
        full = {key for key in keys if keys.count(key) == self.limits[key[0]]}
        assert all(keys.count(key) <= self.limits[key[0]] for key in keys)
        assert len(self.pending) <= self.ahead
        if len(busy) < self.max_in_flight and busy:
            for item in self.pending.values():
                assert full & set(enumerate(item)), "it waits, and its keys have room"
            assert self.is_exhausted or len(self.pending) + len(self.waiting) >= self.ahead
        self._ended = []
        if self.running:
            future = self._dice.choice(list(self.running))
            self._end(future, self.running.pop(future))
        else:
            self.wake()  # or it would wait, for real, for what is started now
        return 1.0

    def _end(self, future: Future[BatchRecord], batch: Batch) -> None:
        self._ended = [batch]
        failures = {}
        if self._dice.random() < 0.5:
            failures[0] = ItemFailure("ValueError", "no", "")
            if batch.attempt <= RETRIES:
                self.waiting[batch.first_item] = batch.items[0]
        future.set_result(batch_record(batch.items, first_item=batch.first_item, failures=failures))


@pytest.mark.parametrize("seed", range(100))
def test_no_key_has_more_than_may_run_and_none_waits_for_another(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = Simulated(seed)
    monkeypatch.setattr(keyed_starts, "MAX_AHEAD_ITEMS", workers.ahead)
    scheduler = BatchScheduler(
        workers,
        None,  # type: ignore[arg-type]  # they do nothing
        workers.batches(),
        max_in_flight=workers.max_in_flight,
        retries=RetryLimits(retries=RETRIES),
        keyed=KeyedStarts({itemgetter(limit): most for limit, most in workers.limits.items()}),
        clock=workers.clock,
    )
    workers.wake, scheduler.steer = scheduler.wake, workers.steer
    done = [record.first_item for record in scheduler.records()]
    assert sorted(done) == list(range(len(workers.items)))
    assert not workers.pending
    assert not workers.waiting


def test_an_item_that_was_held_back_needs_no_room_and_others_do() -> None:
    """Results that are held back may wait for it."""
    taken = 0

    def batches() -> Iterator[Batch]:
        nonlocal taken
        for index, item in enumerate([0, 0, 1, 2]):
            taken += 1
            yield Batch(index, index, (item,))

    class Workers(Executor):
        def submit(self, function: Any, /, *arguments: Any, **_: Any) -> Future[Any]:
            future: Future[Any] = Future()
            started.append((arguments[0], future))
            return future

    def steer() -> float:
        if len(started) == 2:  # the first item, and that of another key
            assert (taken, [batch.first_item for batch, _ in started]) == (3, [0, 2])
        if taken == 3 and ending and ending[0] < len(started):
            batch, future = started[ending.pop(0)]
            future.set_result(batch_record(batch.items, first_item=batch.first_item))
        return 0.0

    started: list[tuple[Batch, Future[BatchRecord]]] = []
    ending = [0, 2, 1]
    scheduler = BatchScheduler(
        Workers(),
        None,  # type: ignore[arg-type]  # they do nothing
        batches(),
        max_in_flight=4,
        throttle=Throttle(has_room=lambda: taken < 3),
        keyed=KeyedStarts({abs: 1}),
    )
    scheduler.steer = steer
    records = scheduler.records()
    assert [next(records).first_item for _ in range(3)] == [0, 1, 2]
    assert taken == 3


def test_large_items_are_not_held_back_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed_starts, "MAX_AHEAD_BYTES", 1_000_000)
    keyed = KeyedStarts({len: 1})

    def one(index: int) -> Batch:
        return Batch(index, index, ({"texts": ["x" * 10_000] * 10},))

    first = one(0)
    assert keyed.admits(first)
    keyed.begin(first)
    number = 0
    while not keyed.is_full:
        number += 1
        assert not keyed.admits(one(number))
    assert 8 <= number <= 10
    keyed.end(first)
    assert keyed.freed() is not None
    assert not keyed.is_full
