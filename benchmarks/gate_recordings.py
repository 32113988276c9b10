"""Recorded times of a task beside itself, and sides that play stretches of them again."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

from batchmap.clock import SYSTEM_CLOCK
from batchmap.stopping import StopRequest

from batchmap_workbook.utils.cli.settings import Settings
from batchmap_workbook.utils.execution.revisions import RunTime, SidePlan, SideRequest, open_side

__all__ = ["Player", "record"]

Pair = tuple[float, float]
"""The seconds of a run of each side, one right after the other."""

PROCESSES_S = 10.0
"""For so long the same two processes are recorded, as two of one program differ a little."""


def record(
    settings: Settings, plan: SidePlan, *, items_a_run: int, duration_s: float
) -> list[list[Pair]]:
    """Return the pairs of two sides with the same task, by the processes that ran them.

    They are run in turn, as a gate does, for `duration_s` seconds in all. The settings name task
    and input, relative to the current directory.
    """
    rng = random.Random(0)
    began_s = SYSTEM_CLOCK.now()
    recordings = []
    while SYSTEM_CLOCK.now() < began_s + duration_s:
        recordings.append(_record_processes(settings, plan, items_a_run, rng))
    return recordings


def _record_processes(
    settings: Settings, plan: SidePlan, items_a_run: int, rng: random.Random
) -> list[Pair]:
    stop, pairs = StopRequest(), list[Pair]()
    with open_side("one", stop) as one, open_side("other", stop) as other:
        for side in (one, other):
            side.begin(SideRequest(settings, Path.cwd(), None, os.getpid()))
            side.wait_until_ready()
            side.open(plan)
            side.run(0, items_a_run)
        until_s = SYSTEM_CLOCK.now() + PROCESSES_S
        while SYSTEM_CLOCK.now() < until_s:
            first = len(pairs) * items_a_run % one.num_items
            times_s = {}
            for side in (one, other) if rng.random() < 0.5 else (other, one):
                times_s[side] = side.run(first, items_a_run).time_s
            pairs.append((times_s[one], times_s[other]))
    return pairs


class PlayedClock:
    """A clock that moves by the times that are played."""

    def __init__(self) -> None:
        self.time_s = 0.0

    def now(self) -> float:
        return self.time_s

    def cpu(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds


@dataclass(slots=True)
class PlayedSide:
    """A side whose runs take recorded times, from a place on, around and around, by `factor`."""

    times_s: list[float]
    place: int
    factor: float
    clock: PlayedClock
    num_items: int = 1

    def run(self, first: int, number: int) -> RunTime:
        time_s = self.factor * self.times_s[self.place % len(self.times_s)]
        self.place += 1
        self.clock.sleep(time_s)
        return RunTime(time_s, 0)


class Player:
    """Starts two sides that play recordings, the second one slower by `factor`.

    Each start draws other processes, the place where to begin, and which of both is the first.
    """

    START_S = 1.0
    """What a start takes."""

    def __init__(self, recordings: list[list[Pair]], factor: float, rng: random.Random) -> None:
        self.clock = PlayedClock()
        self._recordings = recordings
        self._factor = factor
        self._rng = rng

    def start(self) -> tuple[PlayedSide, PlayedSide]:
        """Return the two sides."""
        rng = self._rng
        pairs = rng.choice(self._recordings)
        place, columns = rng.randrange(len(pairs)), list(zip(*pairs, strict=True))
        rng.shuffle(columns)
        self.clock.sleep(self.START_S)
        return (
            PlayedSide(list(columns[0]), place, 1.0, self.clock),
            PlayedSide(list(columns[1]), place, self._factor, self.clock),
        )
