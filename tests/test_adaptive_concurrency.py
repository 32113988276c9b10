"""A run finds how many items the other side bears at once, and tells what it found."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from array import array
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from batchmap import RetryAfter, WorkerPool, parallel_map
from batchmap.concurrency import Concurrency, WorkerBounds
from batchmap.records import Batch, BatchRecord, ItemFailure, Plan, RetryDecision
from batchmap.tuning.adaptive_concurrency import AdaptiveConcurrency
from batchmap.tuning.backend_choice import Profile, choose_backend
from batchmap.tuning.limit_history import MOST_CHANGES, LimitHistory
from batchmap.worker.back_off import NO_RETRIES, RetryLimits

from batchmap_workbook.utils.reporting.document.concurrency import concurrency_blocks
from batchmap_workbook.utils.reporting.document.model import Chart
from tests.fakes import FakeClock
from tests.fakes_report import case as made_up_case
from tests.run_command import Place, place
from tests.test_other_side import Watch

__all__ = ["place"]

UNCONNECTED = Concurrency(1, 100, 16, unconnected=50)


# What the scheduler is told -------------------------------------------------------------------


def record_of(*failures: ItemFailure, number: int = 1, ended_s: float = 1.0) -> BatchRecord:
    return BatchRecord(
        0, 0, [None] * number, array("d", [0.1] * number), dict(enumerate(failures)), {},
        "1:1", ended_s - 0.1, ended_s, 0.0,
    )  # fmt: skip


def failure(status: int | None = None, **retry: Any) -> ItemFailure:
    return ItemFailure("Error", "", "", retry=RetryDecision(http_status=status, **retry))


def control(asked: Concurrency = UNCONNECTED, **options: Any) -> AdaptiveConcurrency:
    clock = FakeClock()
    return AdaptiveConcurrency(asked, NO_RETRIES, clock=clock, **options)


def test_without_another_side_the_plan_is_kept_to() -> None:
    clock = FakeClock()
    watch = Watch(clock)
    found = AdaptiveConcurrency(UNCONNECTED, NO_RETRIES, watch=watch, clock=clock)
    assert (found.limit, found.most_in_flight(200)) == (16, 16)
    watch.look(has_waited=True)
    assert (found.limit, found.most_in_flight(200)) == (50, 200)
    told = found.told(Plan("thread", 50, 1, None, ("Backend",), concurrency=UNCONNECTED))
    assert told == Plan("thread", 50, 1, None, ("Backend",))


@pytest.mark.parametrize(
    ("refused", "limit"),
    [
        (failure(429), 15),
        (failure(503, at_least_s=2.0), 15),
        (failure(after_s=1.0, is_requested=True), 15),  # RetryAfter
        (failure(500), 16),
        (failure(404, is_final=True), 16),
        (failure(after_s=9.0, is_requested=True, pause_s=9.0), 16),
    ],
)
def test_it_backs_off_when_the_other_side_wants_fewer(refused: ItemFailure, limit: int) -> None:
    found = control(replace(UNCONNECTED, unconnected=None))
    found.learn(Batch(0, 0, ("a",)), record_of(refused), in_flight=16)
    assert found.limit == limit


def test_a_refusal_shows_that_there_is_another_side() -> None:
    clock = FakeClock()
    watch = Watch(clock)
    watch.look(has_waited=True)
    found = AdaptiveConcurrency(UNCONNECTED, NO_RETRIES, watch=watch, clock=clock)
    found.learn(Batch(0, 0, ("a",)), record_of(failure(500)), in_flight=50)
    assert found.limit == 50
    found.learn(Batch(0, 0, ("a",)), record_of(failure(429)), in_flight=50)
    assert found.limit == 15


def test_errors_that_are_not_tried_again_say_nothing() -> None:
    for retries, limit in ((RetryLimits(retries=1), 15), (NO_RETRIES, 16)):
        found = AdaptiveConcurrency(Concurrency(1, 100, 16), retries, clock=FakeClock())
        for _ in range(20):
            found.learn(Batch(0, 0, ("a",)), record_of(failure()), in_flight=16)
        assert found.limit == limit


def test_items_of_a_batch_that_run_side_by_side_count_each() -> None:
    found = control(Concurrency(1, 100, 16), at_once=8)
    assert found.most_in_flight(1000) == 2
    found.learn(Batch(0, 0, ("a",) * 8), record_of(number=8), in_flight=2)
    assert found.limit == 24


def test_items_that_compute_get_no_more() -> None:
    found = control(Concurrency(1, 100, 16))
    for _ in range(100):
        computed = replace(record_of(), cpu_s=0.09)
        found.learn(Batch(0, 0, ("a",)), computed, in_flight=16)
    assert found.limit == 16


def test_the_history_keeps_some_hundred_changes_and_knows_what_was_usual() -> None:
    clock = FakeClock()
    history = LimitHistory(clock)
    for number in range(5 * MOST_CHANGES):
        history.add(10 + number % 3)
        clock.sleep(1.0)
    assert MOST_CHANGES / 3 < len(history.changes()) <= MOST_CHANGES
    assert history.usual() == 11
    history.add(50)
    clock.sleep(100 * MOST_CHANGES)
    assert (history.usual(), history.most) == (50, 50)


# In runs --------------------------------------------------------------------------------------


class Refusing:
    """A function that asks for later when more than `most` of its calls run at once."""

    def __init__(self, most: int, wait_s: float = 0.01) -> None:
        self._most, self._wait_s = most, wait_s
        self._lock = threading.Lock()
        self._running = self.peak = 0

    def _enter(self) -> None:
        with self._lock:
            if self._running >= self._most:
                raise RetryAfter(0.02)
            self._running += 1
            self.peak = max(self.peak, self._running)

    def _leave(self) -> None:
        with self._lock:
            self._running -= 1

    def call(self, item: int) -> int:
        self._enter()
        time.sleep(self._wait_s)
        self._leave()
        return -item

    async def await_(self, item: int) -> int:
        self._enter()
        await asyncio.sleep(self._wait_s)
        self._leave()
        return -item


@pytest.fixture
def connection() -> Iterator[None]:
    """Keep a connection open, as a client does."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()),
    ):
        yield


def found_of(plans: list[Plan]) -> Concurrency:
    found = plans[-1].concurrency
    assert found is not None
    assert plans[-1].why[-1] == f"Found: {found.text}"
    return found


@pytest.mark.parametrize("workers", ["auto", "2..60"])
@pytest.mark.parametrize("kind", ["call", "await_"])
def test_a_run_finds_what_is_borne(kind: str, workers: str, connection: None) -> None:
    server, plans = Refusing(20), list[Plan]()
    items = range(1500)
    results = parallel_map(getattr(server, kind), items, workers=workers, on_plan=plans.append)
    assert results == [-item for item in items]
    found = found_of(plans)
    assert server.peak == 20
    assert 8 <= (found.found or 0) <= 24
    assert "the other side refused some" in found.why
    assert 0 < found.refused < 300


def test_bounds_are_kept_to(connection: None) -> None:
    server, plans = Refusing(1000), list[Plan]()
    parallel_map(server.call, range(300), workers="2..5", on_plan=plans.append)
    assert server.peak == 5
    assert found_of(plans).text == "5 at once; no more were allowed"


def test_threads_that_were_asked_for_become_more_where_that_is_borne(connection: None) -> None:
    server, plans = Refusing(1000), list[Plan]()
    parallel_map(server.call, range(2000), backend="thread", on_plan=plans.append)
    usual = found_of(plans).unconnected or 0
    assert server.peak > usual


def test_a_number_that_is_given_stays_what_it_is(connection: None) -> None:
    server, plans = Refusing(1000), list[Plan]()
    parallel_map(server.call, range(200), workers=30, on_plan=plans.append)
    assert server.peak <= 30
    assert plans[-1].concurrency is None
    assert plans[-1].workers == 30


def test_items_that_compute_get_processes_within_the_bounds() -> None:
    computes = Profile(left=1000, elapsed_s=0.1, item_s=0.1, cpu_share=1.0, threads_gain=1.0)
    for cores, number in ((2, 3), (4, 4), (64, 9)):
        plan = choose_backend(computes, cores=cores, workers=WorkerBounds(3, 9))
        assert plan is not None
        assert (plan.backend, plan.workers, plan.concurrency) == ("process", number, None)


def test_a_pool_has_a_number_and_no_bounds() -> None:
    with pytest.raises(ValueError, match=r"^workers=4\.\.8: a pool has as many as it is made with"):
        WorkerPool("thread", workers="4..8")


def test_bounds_beside_a_backend_that_computes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^workers 4\.\.8: bounds are for threads and coroutines"):
        parallel_map(abs, [1], backend="process", workers="4..8")


# What is told ---------------------------------------------------------------------------------

WAITING = """
import time

def wait(item):
    time.sleep(0.005)
    return item
"""


def test_run_tells_what_it_found(place: Place) -> None:
    place.write("waits.py", WAITING)
    place.numbers(300)
    export = ("--export-json", "report.json")
    done = place.run("waits.py:wait", "in.txt", "-o", "out.jsonl", "-j", "2..6", *export)
    assert done.returncode == 0
    assert "- Found: 6 at once; no more were allowed" in done.stdout + done.stderr
    document = json.loads(place.text("report.json"))
    assert document["settings"]["workers"] == "2..6"
    concurrency = document["plan"]["concurrency"]
    assert concurrency["found"] == 6
    assert concurrency["history"][0][1] == 6


def test_the_page_draws_what_was_found() -> None:
    case = made_up_case()
    assert concurrency_blocks(case) == []
    found = Concurrency(1, 128, 16, None, 31, "more did not help", True, 7, ((0.0, 16), (0.5, 31)))
    (chart,) = concurrency_blocks(replace(case, plan=replace(case.plan, concurrency=found)))
    assert isinstance(chart, Chart)
    assert chart.description.startswith("Found 31 at once; more did not help.")
    assert chart.figure["data"][0]["y"] == [16, 31, 31]
