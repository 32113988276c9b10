"""Servers with a queue and a limit, and the runs that send them items, in virtual time."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from batchmap.tuning.concurrency_limit import ConcurrencyLimit, Outcome

REFUSES_IN_S = 0.001
"""How long a refusal takes."""


class QueueingServer:
    """Serves `slots` items at once, each in `service_s()` seconds; the others wait their turn.

    With more than `most` in it, it refuses what comes. Both can be changed while it runs.
    """

    def __init__(
        self, slots: int, service_s: Callable[[], float], *, most: int | None = None
    ) -> None:
        self.service_s = service_s
        self.most = most
        self._free_at_s = [0.0] * slots
        self._inside: list[float] = []

    def set_slots(self, slots: int, now_s: float) -> None:
        """Serve so many at once from now on."""
        while len(self._free_at_s) > slots:
            heapq.heappop(self._free_at_s)
        while len(self._free_at_s) < slots:
            heapq.heappush(self._free_at_s, now_s)

    def take(self, now_s: float) -> tuple[float, Outcome]:
        """Return when an item that comes now will have ended, and how."""
        while self._inside and self._inside[0] <= now_s:
            heapq.heappop(self._inside)
        if self.most is not None and len(self._inside) >= self.most:
            return now_s + REFUSES_IN_S, Outcome.REFUSED
        begins_s = max(now_s, heapq.heappop(self._free_at_s))
        ends_s = begins_s + self.service_s()
        heapq.heappush(self._free_at_s, ends_s)
        heapq.heappush(self._inside, ends_s)
        return ends_s, Outcome.DONE


class RatedServer:
    """Takes `rate` items a second and `burst` more at once, each for `service_s()` seconds."""

    def __init__(self, rate: float, burst: int, service_s: Callable[[], float]) -> None:
        self.rate, self.burst, self.service_s = rate, burst, service_s
        self._tokens, self._at_s = float(burst), 0.0

    def take(self, now_s: float) -> tuple[float, Outcome]:
        """Return when an item that comes now will have ended, and how."""
        self._tokens = min(self.burst + 1, self._tokens + (now_s - self._at_s) * self.rate)
        self._at_s = now_s
        if self._tokens < 1:
            return now_s + REFUSES_IN_S, Outcome.REFUSED
        self._tokens -= 1
        return now_s + self.service_s(), Outcome.DONE


@dataclass
class Run:
    """A run that keeps as many items in flight as its limit says, from `begins_s` on."""

    limit: ConcurrencyLimit
    begins_s: float = 0.0
    at_most: int = 10**9
    """How many items its source has ready at once."""
    in_flight: int = 0
    done_at_s: list[float] = field(default_factory=list)
    refused: int = 0
    limits: list[tuple[float, int]] = field(default_factory=list)

    def done_between(self, from_s: float, to_s: float) -> int:
        """Return how many items ended well in that time."""
        return sum(from_s <= at_s < to_s for at_s in self.done_at_s)

    def limits_between(self, from_s: float, to_s: float) -> list[int]:
        """Return the limits that were in force in that time."""
        before = [limit for at_s, limit in self.limits if at_s < from_s][-1:]
        return before + [limit for at_s, limit in self.limits if from_s <= at_s < to_s]


def simulate(
    server: QueueingServer | RatedServer,
    runs: list[Run],
    until_s: float,
    *,
    changes: list[tuple[float, Callable[[], object]]] | None = None,
    way_s: float = 0.0005,
) -> None:
    """Have the runs send items to the server until then; `changes` are made at their times."""
    tickets = itertools.count()
    jitter = random.Random(5).random
    events: list[tuple[float, int, Callable[[float], None]]] = []

    def at(when_s: float, act: Callable[[float], None]) -> None:
        heapq.heappush(events, (when_s, next(tickets), act))

    def fill(run: Run, now_s: float) -> None:
        while run.in_flight < min(run.limit.limit, run.at_most):
            run.in_flight += 1
            start(run, now_s)

    def start(run: Run, now_s: float) -> None:
        def arrive(arrived_s: float) -> None:
            ends_s, outcome = server.take(arrived_s)
            at(ends_s + way_s * jitter(), lambda ended_s: end(run, now_s, ended_s, outcome))

        at(now_s + way_s * jitter(), arrive)

    def end(run: Run, started_s: float, ended_s: float, outcome: Outcome) -> None:
        run.limit.ended(started_s, ended_s, outcome, in_flight=run.in_flight)
        run.in_flight -= 1
        if outcome is Outcome.DONE:
            run.done_at_s.append(ended_s)
        else:
            run.refused += 1
        if not run.limits or run.limits[-1][1] != run.limit.limit:
            run.limits.append((ended_s, run.limit.limit))
        fill(run, ended_s)

    for run in runs:
        at(run.begins_s, partial(fill, run))
    for when_s, change in changes or ():
        at(when_s, partial(_apply, change))
    while events and events[0][0] < until_s:
        now_s, _, act = heapq.heappop(events)
        act(now_s)


def _apply(change: Callable[[], object], now_s: float) -> None:
    change()


def jain_index(shares: list[float]) -> float:
    """Return how fairly something is shared, from 1/n to 1 (Jain, Chiu and Hawe 1984)."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))
