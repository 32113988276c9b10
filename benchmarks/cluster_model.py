"""A model of a Dask cluster, to be run in simulated time: what each process does for a batch.

    coordinator: cut, pickle, submit -> scheduler: place -> [slot, thread] items -> scheduler
         ^                                                                             |
         +-- write and record <- fetch: coordinator, scheduler, worker, and back <-----+

Coordinator, scheduler and each worker's interpreter are servers that do one thing at a time, in
order. Batches are simulated, not items, and the sizes of batches are those of the engine.
"""

from __future__ import annotations

import heapq
import math
import random
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, count

from batchmap.backends import BACKENDS
from batchmap.checkpoint import MAX_BATCH_ITEMS
from batchmap.records import BatchRecord
from batchmap.scheduling.adaptive_batches import AdaptiveSizing
from batchmap.tuning.batch_budget import BUDGET_BATCHES
from distributed.scheduler import heartbeat_interval

__all__ = ["Cluster", "Costs", "Outcome", "simulated"]

CLIENT_SENDS_EVERY_S = 10e-3
SCHEDULER_ANSWERS_EVERY_S = 2e-3
SCHEDULER_SENDS_EVERY_S = 5e-3
WORKER_SENDS_EVERY_S = 2e-3
"""Least time between two messages on a connection of Dask (`BatchedSend` in its sources)."""

SATURATION = 1.1
"""Calls that Dask has at a worker for each of its threads (`worker-saturation`)."""

WARM_UP_WINDOWS = 3
"""How often what may be in flight has been through before steady state is measured."""

STEADY_WINDOWS = 1
"""Over how many windows it is measured."""

LEAST_MEASURED = 2000
"""Batches that are measured at the least."""

Resume = Callable[[], None]
Process = Iterator[Callable[[Resume], None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """CPU seconds that a batch costs in each process, all its messages included."""

    coordinator_batch_s: float
    coordinator_item_s: float
    scheduler_batch_s: float
    scheduler_item_s: float
    worker_batch_s: float
    worker_item_s: float
    fetch_coordinator_s: float
    """The part of a batch's cost that fetching its answer takes, here and below."""
    fetch_scheduler_s: float
    fetch_worker_s: float
    fetch_wait_s: float
    """What fetching an answer takes beyond CPU time: threads and processes that are woken."""
    heartbeat_s: float
    """CPU seconds of the scheduler for a sign of life of one worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Workers, and how they are reached."""

    processes: int
    threads: int = 1
    """Of each process: calls that run at once."""
    cores: float = math.inf
    """How many processes have a core at once, coordinator and scheduler included."""
    hop_s: float = 0.0
    """What a message takes through the network, one way."""

    @property
    def workers(self) -> int:
        """Return how many calls run at once."""
        return self.processes * self.threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a simulated run, in steady state unless all its items were simulated."""

    seconds: float
    batches: int
    items: int
    busy_s: float
    """Time that items took, all workers together."""
    efficiency: float
    """Share of the workers' time that items took."""
    coordinator: float
    """Share of the time that the coordinator computed."""
    coordinator_items: float
    """The part of that for what each item costs."""
    scheduler: float

    @property
    def throughput(self) -> float:
        """Return items a second."""
        return self.items / self.seconds

    @property
    def bottleneck(self) -> str:
        """Return who was at work for the largest share of the time."""
        per_item = self.coordinator_items > self.coordinator / 2
        shares = {
            "workers": self.efficiency,
            "coordinator, per item" if per_item else "coordinator, per batch": self.coordinator,
            "scheduler": self.scheduler,
        }
        return max(shares, key=shares.__getitem__)


def simulated(
    costs: Costs,
    cluster: Cluster,
    item_times_s: Sequence[float],
    *,
    batch_size: int | None = None,
    items: int | None = None,
    seed: int = 1,
) -> Outcome:
    """Return what becomes of `items`, or of so many that steady state is reached (`None`).

    Items take `item_times_s`, in their order, again and again, from places drawn by `seed`. A
    `batch_size` of `None` leaves the size to the engine.
    """
    return _Simulation(costs, cluster, item_times_s, batch_size, items, seed).outcome()


class _Clock:
    """Simulated time: what is to happen, in its order."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, Resume]] = []
        self._tickets = count()

    def at(self, when_s: float, act: Resume) -> None:
        heapq.heappush(self._due, (when_s, next(self._tickets), act))

    def until(self, when_s: float) -> Callable[[Resume], None]:
        return partial(self.at, when_s)

    def run_while(self, is_wanted: Callable[[], bool]) -> None:
        while self._due and is_wanted():
            self.now_s, _, act = heapq.heappop(self._due)
            act()

    def start(self, process: Process) -> None:
        """Run a process; it yields what calls it back when it may go on."""

        def go_on() -> None:
            wait = next(process, None)
            if wait is not None:
                wait(go_on)

        go_on()


class _Places:
    """So many may hold a place at once; others wait in a row."""

    def __init__(self, number: float) -> None:
        self._free = number
        self._waiting: deque[Resume] = deque()

    def take(self, then: Resume) -> None:
        if self._free > 0:
            self._free -= 1
            then()
        else:
            self._waiting.append(then)

    def release(self) -> None:
        if self._waiting:
            self._waiting.popleft()()
        else:
            self._free += 1


class _Server:
    """An interpreter: does one thing at a time, on one of the cores."""

    def __init__(self, clock: _Clock, cores: _Places, *, slower: float = 1.0) -> None:
        self.busy_s = 0.0
        self._clock = clock
        self._cores = cores
        self._slower = slower
        self._waiting: deque[tuple[float, Resume]] = deque()
        self._is_busy = False

    def work(self, seconds: float) -> Callable[[Resume], None]:
        return partial(self._put_down, seconds * self._slower)

    def _put_down(self, seconds: float, then: Resume) -> None:
        self._waiting.append((seconds, then))
        if not self._is_busy:
            self._is_busy = True
            self._cores.take(self._begin)

    def _begin(self) -> None:
        seconds, then = self._waiting.popleft()
        self.busy_s += seconds
        self._clock.at(self._clock.now_s + seconds, partial(self._end, then))

    def _end(self, then: Resume) -> None:
        self._cores.release()
        self._is_busy = bool(self._waiting)
        if self._is_busy:
            self._cores.take(self._begin)
        then()


class _Post:
    """A connection on which what comes within an interval goes together at its end."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._leaves_s = -math.inf

    def leaves_s(self, now_s: float) -> float:
        if now_s > self._leaves_s:
            self._leaves_s = max(now_s, self._leaves_s + self._interval_s)
        return self._leaves_s


class _Worker:
    """A process of the cluster, with its threads and connections."""

    def __init__(self, name: str, clock: _Clock, cores: _Places, threads: int) -> None:
        self.name = name
        self.server = _Server(clock, cores)
        self.threads = [f"{name}-{thread}" for thread in range(threads)]
        """Those that are idle."""
        self.has_idle = _Places(threads)
        self.slots = max(1, math.ceil(SATURATION * threads))
        self.calls = 0
        self.orders = _Post(SCHEDULER_SENDS_EVERY_S)
        self.news = _Post(WORKER_SENDS_EVERY_S)


class _Simulation:
    def __init__(
        self,
        costs: Costs,
        cluster: Cluster,
        item_times_s: Sequence[float],
        batch_size: int | None,
        items: int | None,
        seed: int,
    ) -> None:
        self._costs, self._cluster = costs, cluster
        self._clock = clock = _Clock()
        cores = _Places(cluster.cores)
        beats = cluster.processes / heartbeat_interval(cluster.processes) * costs.heartbeat_s
        self._coordinator = _Server(clock, cores)
        self._scheduler = _Server(clock, cores, slower=1 / max(0.01, 1 - beats))
        self._workers = [
            _Worker(f"worker-{place}", clock, cores, cluster.threads)
            for place in range(cluster.processes)
        ]
        self._room = [(0, place) for place in range(cluster.processes)]
        """Workers with a free slot, those with the fewest calls first; outdated entries, too."""
        self._unplaced: deque[Callable[[_Worker], None]] = deque()
        self._orders = _Post(CLIENT_SENDS_EVERY_S)
        self._news = _Post(SCHEDULER_ANSWERS_EVERY_S)
        self._times = _ItemTimes(item_times_s, seed)
        self._sizing = AdaptiveSizing(
            workers=cluster.workers,
            hand_over_s=BACKENDS["dask"].hand_over_s,
            shared_s=max(costs.coordinator_batch_s, costs.scheduler_batch_s),
        )
        self._batch_size = batch_size
        budget_s = BUDGET_BATCHES * self._sizing.longest_batch_s
        self._budget_s = budget_s if batch_size is None else math.inf
        self._ends = items is not None
        self._left: float = math.inf if items is None else items
        self._max_in_flight = 2 * cluster.workers
        self.batches = self.items = 0
        self.busy_s = self.item_cpu_s = 0.0

    def outcome(self) -> Outcome:
        for _ in range(self._max_in_flight):
            self._submit()
        if self._ends:
            self._clock.run_while(lambda: True)
            return self._told_since((0.0,) * len(self._noted()))
        self._clock.run_while(lambda: self.batches < WARM_UP_WINDOWS * self._max_in_flight)
        before = self._noted()
        windows = max(STEADY_WINDOWS, math.ceil(LEAST_MEASURED / self._max_in_flight))
        enough = (
            self.batches + windows * self._max_in_flight
        )  # whole ones, for batches come in bursts
        self._clock.run_while(lambda: self.batches < enough)
        return self._told_since(before)

    def _noted(self) -> tuple[float, ...]:
        return (
            self._clock.now_s, self.batches, self.items, self.busy_s, self._coordinator.busy_s,
            self.item_cpu_s, self._scheduler.busy_s,
        )  # fmt: skip

    def _told_since(self, before: tuple[float, ...]) -> Outcome:
        pairs = zip(self._noted(), before, strict=True)
        seconds, batches, items, busy_s, *shares = (now - then for now, then in pairs)
        coordinator, per_item, scheduler = (share / seconds for share in shares)
        return Outcome(
            seconds=seconds,
            batches=int(batches),
            items=int(items),
            busy_s=busy_s,
            efficiency=busy_s / seconds / self._cluster.workers,
            coordinator=coordinator,
            coordinator_items=per_item,
            scheduler=scheduler,
        )

    def _submit(self) -> None:
        size = self._batch_size or min(MAX_BATCH_ITEMS, self._sizing.next_size(None))
        size = int(min(size, self._left))
        if size:
            self._left -= size
            self._clock.start(self._batch(size))

    def _batch(self, size: int) -> Process:
        """Run a batch through the cluster."""
        costs, clock, hop_s = self._costs, self._clock, self._cluster.hop_s
        item_cpu_s = size * costs.coordinator_item_s
        here_s = (costs.coordinator_batch_s - costs.fetch_coordinator_s + item_cpu_s) / 2
        there_s = costs.scheduler_batch_s - costs.fetch_scheduler_s
        there_s = (there_s + size * costs.scheduler_item_s) / 2
        yield self._coordinator.work(here_s)
        yield clock.until(self._orders.leaves_s(clock.now_s) + hop_s)
        yield self._scheduler.work(there_s)
        found: list[_Worker] = []
        yield partial(self._place, found)
        [worker] = found
        yield clock.until(worker.orders.leaves_s(clock.now_s) + hop_s)

        yield worker.has_idle.take
        thread = worker.threads.pop()
        overhead_s = costs.worker_batch_s - costs.fetch_worker_s + size * costs.worker_item_s
        yield worker.server.work(overhead_s / 2)
        started_s = clock.now_s
        times_s = self._times.take(size, self._budget_s)
        yield clock.until(started_s + sum(times_s))
        ended_s = clock.now_s
        yield worker.server.work(overhead_s / 2)
        worker.threads.append(thread)
        worker.has_idle.release()
        yield clock.until(worker.news.leaves_s(clock.now_s) + hop_s)

        yield self._scheduler.work(there_s)
        self._free_slot(worker)
        yield clock.until(self._news.leaves_s(clock.now_s) + hop_s)
        yield self._coordinator.work(costs.fetch_coordinator_s / 2)
        yield self._scheduler.work(costs.fetch_scheduler_s / 2)
        yield worker.server.work(costs.fetch_worker_s)
        yield self._scheduler.work(costs.fetch_scheduler_s / 2)
        yield self._coordinator.work(costs.fetch_coordinator_s / 2)
        yield clock.until(clock.now_s + costs.fetch_wait_s + 4 * hop_s)

        yield self._coordinator.work(here_s)
        self.batches += 1
        self.items += len(times_s)
        self.busy_s += ended_s - started_s
        self.item_cpu_s += item_cpu_s
        self._left += size - len(times_s)
        self._sizing.learn(BatchRecord(0, 0, (), times_s, {}, {}, thread, started_s, ended_s, 0.0))
        self._submit()

    def _place(self, found: list[_Worker], then: Resume) -> None:
        """Call `then` with the least busy worker in `found`, as soon as one has a free slot."""

        def take(worker: _Worker) -> None:
            found.append(worker)
            then()

        while self._room:
            calls, place = heapq.heappop(self._room)
            worker = self._workers[place]
            if worker.calls == calls < worker.slots:
                worker.calls += 1
                if worker.calls < worker.slots:
                    heapq.heappush(self._room, (worker.calls, place))
                take(worker)
                return
        self._unplaced.append(take)

    def _free_slot(self, worker: _Worker) -> None:
        if self._unplaced:
            self._unplaced.popleft()(worker)
        else:
            worker.calls -= 1
            heapq.heappush(self._room, (worker.calls, int(worker.name.partition("-")[2])))


class _ItemTimes:
    """Times of items, repeated; a batch begins at a random one of them."""

    def __init__(self, item_times_s: Sequence[float], seed: int) -> None:
        long_enough = math.ceil(2 * MAX_BATCH_ITEMS / len(item_times_s))
        self._times_s = array("d", list(item_times_s) * long_enough)
        self._until_s = array("d", accumulate(self._times_s, initial=0.0))
        self._starts = len(self._times_s) - MAX_BATCH_ITEMS
        self._chance = random.Random(seed)

    def take(self, size: int, budget_s: float) -> array[float]:
        """Return the times of a batch; it ends with the item that spends the budget."""
        start = self._chance.randrange(self._starts)
        spent = bisect_left(self._until_s, self._until_s[start] + budget_s, start + 1)
        return self._times_s[start : min(start + size, spent)]
