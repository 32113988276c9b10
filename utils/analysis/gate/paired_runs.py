"""Runs two sides in turn until a gate can tell, or its time is over.

    start -> warm-up -> pair, pair, ... -> look -> start anew -> pair, pair, ... -> look -> ...

A pair is one run of each side over the same items, the order drawn anew for each, so that what
another program does hits both alike: for two sides that are the same, it is as likely that the
first is the slower one as that the second is, in each pair, whatever else the machine does.

At some numbers of pairs there is a look at the interval of their ratios, and the first look that
can tell ends it. So many looks are so many chances to be wrong, so that each has its share of
`FALSE_DECISIONS` only (Bonferroni).

Two processes of one program differ by a percent or two as long as they live, as memory lies
elsewhere. So both sides are started anew after a look that cannot tell, where that takes little
time, and the bounds are widened by what is left.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from batchmap.clock import SYSTEM_CLOCK, Clock

from ...execution.revisions.messages import RunTime
from .decision import FALSE_DECISIONS, Decision, decide
from .intervals import RatioInterval, paired_interval

__all__ = ["BUDGET_S", "PairedRuns", "Side", "Start", "run_in_turn"]

LOOKS = (12, 18, 27, 40, 60, 90, 135, 200, 300, 450)
"""After so many pairs there is a look; each is half as many again as the one before."""

BUDGET_S = 45.0
"""How long the pairs may take in all, so that a gate with its start-up takes less than a minute."""

RUN_S = 0.05
"""How long a run should take: long beside what is measured badly, short beside disturbances."""

SHORTEST_S = 1e-9
"""No run is taken to be shorter, so that there is a ratio to every one."""

MOST_ITEMS_A_RUN = 100_000
"""However quick the items are; where there are fewer, they are run several times."""

LARGEST_STEP = 16
"""By how many times the items of a run grow at most from one warm-up run to the next."""

START_SHARE = 0.5
"""Starts may take this share of the time that the pairs have taken."""

START_NOISE = 1.02
"""The factor between two sides that are the same, once they were started several times."""

PRECISE = 1.03
"""Without a gate, the pairs end when the bounds are within this factor of the ratio."""


class Side(Protocol):
    """One of two things that are compared."""

    num_items: int
    """How many items there are, at least one."""

    def run(self, first: int, number: int) -> RunTime:
        """Run `number` items from the index `first` on, the first ones again after the last."""


Start = Callable[[], tuple[Side, Side]]
"""Starts both sides, in place of those that it started before: the one before, and the one now."""


@dataclass(frozen=True, slots=True)
class PairedRuns:
    """What was measured of both sides, pair by pair."""

    before: Sequence[RunTime]
    now: Sequence[RunTime]
    items_a_run: int
    measured_s: float
    """Seconds that all pairs took."""
    interval: RatioInterval | None
    """`None` for too few pairs to say anything."""
    decision: Decision | None
    """`None` without a gate."""

    @property
    def ratios(self) -> list[float]:
        """The ratio of each pair, now over before."""
        return _ratios(self.before, self.now)


def run_in_turn(
    start: Start,
    *,
    gate: float | None,
    pairs: int | None = None,
    rng: random.Random,
    clock: Clock = SYSTEM_CLOCK,
) -> PairedRuns:
    """Run both sides in turn until `gate` can tell, or until `BUDGET_S` is over.

    Without a gate, until the ratio is known precisely. `pairs` asks for so many pairs, however long
    they take, and for one look at their end. The runs go through the items, around and around;
    `rng` draws which side is the first of a pair.
    """
    looks = LOOKS if pairs is None else (pairs,)
    alpha = FALSE_DECISIONS / len(looks)
    budget_s = BUDGET_S if pairs is None else math.inf
    times: tuple[list[RunTime], list[RunTime]] = [], []
    since_s = clock.now()
    sides = start()
    start_s = starts_s = clock.now() - since_s
    num_items = sides[0].num_items
    number = _warm_up(sides)
    began_s = clock.now()
    while True:
        since_s = clock.now()
        done = len(times[0]) + 1
        for which in (0, 1) if rng.random() < 0.5 else (1, 0):
            times[which].append(sides[which].run((done - 1) * number % num_items, number))
        ended_s = clock.now()
        is_last = done == looks[-1] or 2 * ended_s - since_s > began_s + budget_s
        if not (is_last or done in looks):
            continue
        interval = paired_interval(_ratios(*times), alpha=alpha)
        interval = interval and interval.widened(START_NOISE)
        decision = None if gate is None else decide(interval, gate)
        if is_last or _is_enough(interval, decision):
            return PairedRuns(*times, number, ended_s - began_s, interval, decision)
        if starts_s + start_s <= START_SHARE * (ended_s - began_s):
            sides = start()
            for side in sides:
                side.run(0, number)
            start_s = clock.now() - ended_s
            starts_s += start_s


def _warm_up(sides: Sequence[Side]) -> int:
    """Return how many items to run at a time, having run so many on each side.

    A run that takes long enough is run again, as its workers may have been set up during the first.
    """
    number = 1
    while True:
        taken_s = min(side.run(0, number).time_s for side in sides)
        if taken_s >= RUN_S:
            taken_s = min(side.run(0, number).time_s for side in sides)
        if taken_s >= RUN_S or number == MOST_ITEMS_A_RUN:
            return number
        enough = math.ceil(number * RUN_S / max(taken_s, SHORTEST_S))
        number = min(MOST_ITEMS_A_RUN, LARGEST_STEP * number, max(number + 1, enough))


def _is_enough(interval: RatioInterval | None, decision: Decision | None) -> bool:
    if decision is not None:
        return decision is not Decision.CANNOT_TELL
    if interval is None:
        return False
    return max(interval.most / interval.ratio, interval.ratio / interval.least) <= PRECISE


def _ratios(before: Sequence[RunTime], now: Sequence[RunTime]) -> list[float]:
    return [
        max(after.time_s, SHORTEST_S) / max(earlier.time_s, SHORTEST_S)
        for earlier, after in zip(before, now, strict=True)
    ]
