"""Compares the user's task as it is with the task at a git revision: both run in turn."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Self

from batchmap.command.settings import task_file
from batchmap.errors import UsageError
from batchmap.stopping import StopRequest

from ...cli.settings import Settings
from ...execution.revisions import (
    Checkout,
    RunTime,
    SidePlan,
    SideRequest,
    TaskSide,
    checked_out,
    open_side,
)
from .decision import Decision, GatedFigure, RevisionComparison
from .paired_runs import PairedRuns, run_in_turn

__all__ = ["compare_revisions"]

ENOUGH_PAIRS = 20
"""So many pairs tell of a difference that is not much smaller than their spread."""

NOTEWORTHY_FAILURES = 0.01
"""Where the shares of items that fail differ by more, the two sides do not do the same work."""


def compare_revisions(settings: Settings, stop: StopRequest) -> RevisionComparison:
    """Return what becomes of the task's time from the revision `settings.versus` to now.

    Items run one after another, which other programs disturb least; by other backends or workers
    where `settings` ask for them, those of a run at the revision where they say `auto`.
    Raises `UsageError` where there is no such revision, or no such task at it; `InputError` for an
    input that cannot be read; `WorkersLostError` when an item ends its process; `MeasuringStopped`
    when `stop` is requested. Nothing is left behind in any case.
    """
    assert settings.task is not None
    assert settings.versus is not None
    file = task_file(settings.task)
    directory = Path.cwd() if file is None else file.resolve().parent
    with checked_out(settings.versus, directory, settings.task) as checkout:
        _check_that_it_is_there(file or directory, checkout)
        with _BothSides(settings, checkout, stop) as sides:
            runs = run_in_turn(
                sides.start,
                gate=settings.gate,
                pairs=settings.repeat if settings.repeat > 1 else None,
                rng=random.Random(settings.seed),
            )
    assert sides.plan is not None
    failed = [_failed_share(side, runs.items_a_run) for side in (runs.before, runs.now)]
    return RevisionComparison(
        revision=checkout.revision,
        commit=checkout.commit,
        is_unchanged=checkout.is_unchanged,
        backend=sides.plan.backend,
        workers=sides.plan.workers,
        items_a_run=runs.items_a_run,
        pairs=len(runs.now),
        measured_s=runs.measured_s,
        failed_before=failed[0],
        failed_now=failed[1],
        figure=_figure(settings.task, runs, *failed),
    )


class _BothSides:
    """The processes of both sides, which can be started anew; they end with the block."""

    def __init__(self, settings: Settings, checkout: Checkout, stop: StopRequest) -> None:
        self._settings = settings
        self._checkout = checkout
        self._stop = stop
        self._stack = ExitStack()
        self.plan: SidePlan | None = None
        """Of both; `None` before the first start."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._stack.__exit__(*raised)

    def start(self) -> tuple[TaskSide, TaskSide]:
        """Start both sides, those at the revision and now, in place of the ones before."""
        self._stack.close()
        checkout = self._checkout
        before, now = (
            self._stack.enter_context(open_side(label, self._stop))
            for label in (f"at {checkout.revision}", "now")
        )
        for side, tree in ((before, checkout.tree), (now, None)):
            side.begin(SideRequest(self._settings, checkout.top, tree, os.getpid()))
        for side in (now, before):
            side.wait_until_ready()
        if self.plan is None:
            self.plan = before.plan()
        for side in (before, now):
            side.open(self.plan)
        return before, now


def _check_that_it_is_there(path: Path, checkout: Checkout) -> None:
    """Raise `UsageError` where the revision lacks the file or the directory of the task."""
    inside = path.resolve().relative_to(checkout.top)
    if path.exists() and not (checkout.tree / inside).exists():
        raise UsageError(f"--versus {checkout.revision}: {inside} is not there at that revision")


def _failed_share(runs: Sequence[RunTime], items_a_run: int) -> float:
    return sum(run.failed for run in runs) / (len(runs) * items_a_run)


def _figure(task: str, runs: PairedRuns, failed_before: float, failed_now: float) -> GatedFigure:
    interval, decision, why = runs.interval, runs.decision, ""
    if abs(failed_now - failed_before) > NOTEWORTHY_FAILURES:
        why = f"{failed_now:.0%} of the items fail now, {failed_before:.0%} before"
    elif failed_now == 1:
        why = "every item fails on both sides"
    elif interval is None:
        why = (
            f"{len(runs.now)} pairs of runs are too few; fewer or shorter items help, or "
            f"--repeat {ENOUGH_PAIRS}, which runs so many pairs however long they take"
        )
    return GatedFigure(
        name=task,
        figure="run time",
        before_s=median(run.time_s for run in runs.before),
        now_s=median(run.time_s for run in runs.now),
        ratio=median(runs.ratios),
        least=None if interval is None else interval.least,
        most=None if interval is None else interval.most,
        decision=Decision.CANNOT_TELL if why and decision is not None else decision,
        why=why,
    )
