"""Rates: no window of their length holds more, by the number of items or by what they cost."""

from __future__ import annotations

import asyncio
import heapq
import json
import math
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from batchmap import (
    ItemsFailedError,
    WorkerPool,
    astream_map,
    parallel_map,
    run,
    spent,
)
from batchmap.executors import open_executor
from batchmap.options.rate_values import rates
from batchmap.rates import Rate
from batchmap.scheduling.batching import BatchSizing, cut
from batchmap.scheduling.rate_limiter import BEGINS_WITHIN_S, Permit, RateLimiter
from batchmap.scheduling.rate_window import PARTS, RateWindow
from batchmap.scheduling.scheduler import BatchScheduler
from batchmap.worker.back_off import RetryLimits
from batchmap.worker.processor import BatchProcessor
from batchmap.worker.spending import Spending, current_spending

from tests.fakes import FakeClock
from tests.http_server import Server, serving
from tests.rated_calls import asks, asks_a_loop, asks_twice, counted, fullest_window
from tests.refusals import assert_refused
from tests.run_command import Place, place

__all__ = ["place"]

A_FEW = BEGINS_WITHIN_S / 4


class Simulated:
    """A run of a limiter on workers with lives of their own, by a clock that only it moves.

    Calls begin after a while, or come back as they are too late, take their time, fail, and are
    tried again; `starts` has when the other side saw each, and what it really cost.
    """

    def __init__(self, seed: int, limiter: RateLimiter, clock: FakeClock, **kind: bool) -> None:
        self.starts: list[tuple[float, float]] = []
        self._dice = random.Random(seed)
        self._limiter = limiter
        self._clock = clock
        self._kind = kind
        self._ending: list[tuple[float, int, Permit, float, bool, float | None]] = []

    def run(self, costs: list[float], workers: int) -> None:
        dice, clock, limiter = self._dice, self._clock, self._limiter
        waiting = list(reversed(costs))
        ticket = 0
        while waiting or self._ending:
            wait_s = math.inf
            while waiting and len(self._ending) < workers:
                amounts = limiter.amounts([waiting[-1]])
                if wait_s := limiter.delay_s(amounts):
                    break
                permit = limiter.begin(amounts)
                began_s = clock.now() + dice.choice([0, A_FEW, dice.expovariate(1 / A_FEW)])
                cost = waiting.pop()
                ticket += 1
                if began_s > permit.begin_by_s:
                    heapq.heappush(self._ending, (began_s, ticket, permit, cost, False, None))
                    continue
                ended_s = began_s + dice.choice([0.001, 0.1, 3.0]) * dice.random()
                real = cost * dice.choice([0, 0.5, 1]) if self._kind.get("settles") else cost
                self.starts.append((min(ended_s, began_s + A_FEW * dice.random()), real))
                told = real if self._kind.get("settles") else None
                heapq.heappush(self._ending, (ended_s, ticket, permit, cost, True, told))
            next_s = self._ending[0][0] if self._ending else math.inf
            if next_s <= clock.now() + wait_s:
                ended_s, _, permit, cost, has_begun, told = heapq.heappop(self._ending)
                clock.time_s = max(clock.time_s, ended_s)
                limiter.end(permit, has_begun=has_begun, spent=told)
                if not has_begun or dice.random() < 0.2:
                    waiting.insert(dice.randrange(len(waiting) + 1), cost)
            else:
                clock.sleep(wait_s)


@pytest.mark.parametrize("seed", range(8))
def test_no_window_holds_more_than_its_budget_whatever_the_workers_do(seed: int) -> None:
    clock, dice = FakeClock(), random.Random(seed)
    costs = [dice.choice([0, 1, 90, dice.uniform(0, 100)]) for _ in range(400)]
    text = ["300/s", "3k/m", "9 items/s"]
    limiter = RateLimiter(rates(text, "rate"), cost=float, clock=clock)
    simulated = Simulated(seed, limiter, clock)
    simulated.run(costs, workers=dice.choice([1, 5, 50]))
    assert len(simulated.starts) >= 400
    assert fullest_window(simulated.starts, 1.0) <= 300 + 1e-6
    assert fullest_window(simulated.starts, 60.0) <= 3000 + 1e-6
    assert fullest_window([(time_s, 1) for time_s, _ in simulated.starts], 1.0) <= 9


@pytest.mark.parametrize("seed", range(4))
def test_what_cost_less_than_it_was_said_to_makes_room(seed: int) -> None:
    ended_s = []
    for settles in (False, True):
        clock = FakeClock()
        limiter = RateLimiter([Rate(1000.0, 60.0)], cost=float, clock=clock)
        simulated = Simulated(seed, limiter, clock, settles=settles)
        simulated.run([50.0] * 200, workers=20)
        assert fullest_window(simulated.starts, 60.0) <= 1000
        ended_s.append(clock.now())
    assert ended_s[1] < 0.7 * ended_s[0]


def test_what_cost_more_than_it_was_said_to_delays_what_comes_after() -> None:
    clock = FakeClock()
    limiter = RateLimiter([Rate(100.0)], cost=float, clock=clock)
    first = limiter.begin(limiter.amounts([10]))
    limiter.end(first, has_begun=True, spent=100)
    assert limiter.delay_s(limiter.amounts([1])) == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize(
    ("rate", "budget", "length_s"),
    [
        (Rate(30.0), 30, 1),
        (Rate(100.0, 60.0), 100, 60),
        (Rate(0.5), 1, 2),
        (Rate(2.5), 25, 10),
        (Rate(2.37, 60.0), 23, 600),
    ],
)
def test_items_are_whole(rate: Rate, budget: float, length_s: float) -> None:
    assert rate.window(of_items=True) == (budget, length_s)
    assert rate.window(of_items=False) == (rate.amount, rate.unit_s)


def test_items_start_evenly_and_an_idle_time_is_not_made_up_for() -> None:
    clock = FakeClock()
    limiter = RateLimiter([Rate(4.0)], clock=clock)
    starts = []
    for idle_s in (0, 0, 0, 30, 0, 0):
        clock.sleep(idle_s)
        clock.sleep(limiter.delay_s([1]))
        starts.append(clock.now())
        limiter.end(limiter.begin([1]), has_begun=True)
    assert starts == pytest.approx([0, 0.25, 0.5, 30.5, 30.75, 31], abs=1e-4)


def test_a_window_keeps_so_many_numbers_whatever_its_rate() -> None:
    window = RateWindow(1e6, 3600.0)
    for number in range(20_000):
        now_s = number * 0.1
        window.settle(window.reserve(1, now_s, now_s + 1), 1, now_s)
    assert len(window._parts) <= PARTS
    assert window.delay_s(1e6 - 20_000, 2000.0) == 0
    assert window.delay_s(1e6 - 19_999, 2000.0) > 0


def test_a_call_that_begins_too_late_comes_back_and_the_next_one_may_be_later() -> None:
    clock = FakeClock()
    limiter = RateLimiter([Rate(10.0)], clock=clock)
    permit = limiter.begin([1])
    clock.sleep(1.0)
    processor = BatchProcessor(abs, clock=clock)
    batch = next(iter(cut([-1], 1, BatchSizing(1).next_size)))
    assert batch is not None
    object.__setattr__(batch, "begin_by_s", permit.begin_by_s)
    assert list(processor.process(batch).results) == []
    assert list(asyncio.run(processor.as_async().process_async(batch)).results) == []
    limiter.end(permit, has_begun=False)
    assert limiter.delay_s([1]) == 0
    assert limiter.begin([1]).within_s == 2 * BEGINS_WITHIN_S


def scheduled(
    function: Callable[[Any], Any], items: list[Any], limiter: RateLimiter, clock: FakeClock
) -> list[Any]:
    """Return the records of items that run one after another, each tried twice at most."""
    with open_executor("sequential", 1) as executor:
        scheduler = BatchScheduler(
            executor,
            BatchProcessor(function, clock=clock).process,
            cut(items, len(items), BatchSizing(1).next_size),
            max_in_flight=1,
            retries=RetryLimits(retries=1),
            rate=limiter,
            clock=clock,
        )
        return [one for record in scheduler.records() for one in record.item_records()]


def test_retries_count_and_so_does_what_they_tell() -> None:
    clock = FakeClock()
    starts: list[tuple[float, float]] = []

    def fails_at_first(amount: int) -> None:
        starts.append((clock.now(), 2 * amount))
        spent(2 * amount)
        clock.time_s += 0.01
        if len(starts) % 2:
            raise OSError

    limiter = RateLimiter([Rate(50.0)], cost=float, clock=clock)
    records = scheduled(fails_at_first, [1, 5, 8] * 10, limiter, clock)
    assert sum(record.attempts for record in records) == len(starts) > 30
    assert fullest_window(starts, 1.0) <= 50 + 8  # of the last one more was told than was said
    assert clock.now() > sum(amount for _, amount in starts) / 50 - 2


def test_an_item_whose_cost_cannot_be_told_fails_and_the_others_are_done() -> None:
    clock = FakeClock()
    says: dict[int, Any] = {1: math.nan, 2: -1, 3: "5", 4: None, 5: 101, 6: math.inf, 7: Decimal(3)}

    def cost(item: int) -> Any:
        if item == 8:
            raise LookupError("no tokens")
        return says.get(item, 1)

    limiter = RateLimiter([Rate(100.0)], cost=cost, clock=clock)
    records = scheduled(abs, list(range(10)), limiter, clock)
    errors = {one.index: one.failure.error for one in records if one.failure is not None}
    wrong = "cost failed: it must return a number from 0, and returned"
    assert errors == {
        1: f"{wrong} nan",
        2: f"{wrong} -1",
        3: f"{wrong} '5'",
        4: f"{wrong} None",
        5: "counts 101, and a rate of 100/s never has room for more than 100; raise the rate, or "
        "divide the item",
        6: f"{wrong} inf",
        8: "cost failed: no tokens",
    }
    assert {one.index for one in records if one.failure is None} == {0, 7, 9}


def cost_of(item: int) -> int:
    if item == 3:
        raise LookupError(item)
    return item


@pytest.mark.parametrize("backend", ["auto", "sequential", "thread", "process", "async", "dask"])
def test_each_backend_keeps_a_rate_of_costs(backend: str) -> None:
    async def counted_in_a_loop(amount: float) -> float:
        return counted(amount)

    function: Any = counted_in_a_loop if backend == "async" else counted
    with pytest.raises(ItemsFailedError) as caught:
        parallel_map(function, range(6), backend=backend, workers=2, rate="10k/s", cost=cost_of)
    [failure] = caught.value.failures
    assert (failure.index, failure.attempts) == (3, 1)
    assert isinstance(caught.value.__cause__, LookupError)
    assert [one for one in caught.value.results if one is not failure] == [0, 1, 2, 4, 5]


@pytest.mark.parametrize("backend", ["sequential", "thread", "process", "async"])
def test_what_the_function_tells_arrives(backend: str) -> None:
    async def counted_in_a_loop(amount: float) -> float:
        await asyncio.sleep(0)
        return counted(amount)

    processor = BatchProcessor(counted_in_a_loop if backend == "async" else counted)
    process: Any = processor.process_async if backend == "async" else processor.process
    with open_executor(backend, 1) as executor:
        batch = next(iter(cut([21], 1, BatchSizing(1).next_size)))
        record: Any = executor.submit(process, batch).result()
        assert record.spent == 42
    assert current_spending.get() is None


def test_a_cost_is_of_the_item_alone() -> None:
    asked: list[Any] = []

    def cost(item: Any) -> int:
        asked.append(item)
        return 1

    def add(*numbers: int, index: int) -> int:
        return sum(numbers) + index

    options: dict[str, Any] = {"star": True, "index": True, "rate": "9k/s", "cost": cost}
    assert parallel_map(add, [(1, 2), (3, 4)], **options) == [3, 8]
    assert asked == [(1, 2), (3, 4)]


def test_each_item_of_a_list_counts_and_a_list_that_is_too_large_is_halved() -> None:
    sizes: list[int] = []

    def negated(items: list[int]) -> list[int]:
        sizes.append(len(items))
        return [-item for item in items]

    options: dict[str, Any] = {"backend": "sequential", "batched": 64, "on_error": "record"}
    results = parallel_map(negated, range(200), rate="40k/s", cost=lambda item: 1, **options)
    assert results == [-item for item in range(200)]
    assert max(sizes) == 64
    sizes.clear()
    limits: dict[str, Any] = {
        "rate": ["8 items/s", "40k/s"],
        "cost": lambda item: 1000 if item < 7 else 1 / 0,
    }
    *results, last = parallel_map(negated, range(8), **limits, **options)
    assert (results, sizes) == ([0, -1, -2, -3, -4, -5, -6], [4, 2, 1])
    assert last.failure.error == "cost failed: division by zero"


async def streamed(**options: Any) -> list[Any]:
    return [record async for record in astream_map(counted, range(6), **options)]


def test_streams_in_a_loop_and_pools_keep_rates_of_costs() -> None:
    with WorkerPool(backend="thread", workers=2) as pool:
        for options in ({}, {"pool": pool}):
            records = asyncio.run(streamed(rate="10k/s", cost=cost_of, **options))
            failed = [record.index for record in records if record.failure is not None]
            assert (len(records), failed) == (6, [3])


TASK = """
def length(line):
    if line == "bad":
        raise ValueError(line)
    return len(line)

async def later(line):
    return 1

def same(line):
    return line
"""


def test_the_command_line_counts_what_a_function_of_the_task_says(place: Place) -> None:
    place.write("tasks.py", TASK)
    place.write("in.txt", "one\nbad\nthree\nfar too long\n")
    words = ["tasks.py:same", "in.txt", "-o", "out.jsonl", "--cost", "length"]
    done = place.run(*words, "--rate", "10/s", "--rate", "9 items/s", "--export-json", "e.json")
    assert done.returncode == 1
    failures = place.text("out.jsonl.errors.jsonl")
    assert '"cost failed: bad"' in failures
    assert '"counts 12, and a rate of 10/s never has room for more than 10; ' in failures
    assert json.loads(place.text("e.json"))["settings"]["rate"] == ["10/s", "9 items/s"]
    done = place.run(*words[:2], "--dry-run", "--rate", "8/m", "--cost", "length")
    assert "- --rate 8/m lets 4 items start in " in done.stdout
    for given, fault in [
        (["--cost", "length"], "--cost says what an item counts towards --rate; give --rate, too"),
        (["--cost", "later", "--rate", "5"], "--cost later: must be a plain function, not an"),
        (["--cost", "lenght", "--rate", "5"], "no function 'lenght' in tasks.py; did you mean"),
    ]:
        done = place.run(*words[:2], *given)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(fault)


@pytest.mark.parametrize("amount", [-1, math.nan, math.inf, "5", None, True])
def test_what_is_no_amount_is_refused_where_it_is_told(amount: Any) -> None:
    with pytest.raises(ValueError, match=r"^spent\(amount\) must be a number from 0, got "):
        spent(amount)


def test_outside_of_a_call_nothing_is_told() -> None:
    spent(5)
    spending = Spending()
    token = current_spending.set(spending)
    spent(5)
    current_spending.reset(token)
    assert spending.amount == 5


FAULTS = [
    ({"cost": abs}, "cost says what an item counts towards rate; give rate, too, for example "
     "250k/m"),
    ({"cost": 5, "rate": 5}, "cost must be a function that takes the item, got 5"),
    ({"cost": asks_a_loop, "rate": 5}, "cost must be a function that takes the item, and a plain "
     "one, not an async one"),
    ({"cost": lambda: 1, "rate": 5}, "cost must be a function that takes the item, and this one "
     "does not: too many positional arguments"),
    ({"cost": abs, "rate": "5 items/s"}, "cost: rate 5 items/s counts items and none counts the "
     "cost; give one that does, for example 250k/m"),
    ({"rate": 0}, "rate must be above 0 items a second, got 0; for example 10 or 100/m"),
    ({"rate": []}, "rate must be above 0 items a second, got []; for example 10 or 100/m"),
    ({"rate": ["5/s", -1]}, "rate must be above 0 items a second, got -1; for example 10 or 100/m"),
    ({"rate": True}, "rate must be above 0 items a second, got True; for example 10 or 100/m"),
    ({"rate": "5 tokens/s"}, "rate must be above 0 items a second, got '5 tokens/s'; for example "
     "10 or 100/m"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "fault"), FAULTS)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, options: dict[str, Any], fault: str
) -> None:
    assert_refused(options, fault, tmp_path)


@pytest.fixture
def server() -> Any:
    with serving() as server:
        yield server


@pytest.mark.parametrize(
    ("backend", "function", "asked"),
    [
        ("thread", asks, 60),
        ("process", asks_twice, 80),
        ("async", asks_a_loop, 60),
        ("auto", asks_twice, 80),
    ],
)
def test_by_the_servers_clock_no_window_holds_more(
    server: Server, backend: str, function: Any, asked: int
) -> None:
    urls = [server.url(number) for number in range(60)]
    parallel_map(function, urls, backend=backend, workers=20, rate="50/s")
    assert len(server.arrived_s) == asked
    assert fullest_window([(time_s, 1) for time_s in server.arrived_s], 1.0) <= 50


def test_by_the_servers_clock_no_window_holds_more_than_costs_and_items_allow(
    server: Server, tmp_path: Path
) -> None:
    urls = [server.url(number) for number in range(60)]

    def length(url: str) -> int:
        return 1 + int(url.rpartition("/")[2].rstrip("?")) % 3

    run(
        asks, urls, tmp_path / "out.jsonl", backend="thread", workers=20, cost=length,
        rate=["90/s", "50 items/s"],
    )  # fmt: skip
    arrived_s = server.arrived_s
    assert len(arrived_s) == 60
    assert fullest_window([(time_s, 1) for time_s in arrived_s], 1.0) <= 50
