"""Observes a job: what became of its items so far, for other threads to ask for."""

from __future__ import annotations

from collections.abc import Iterator

from batchmap.command.monitoring.live_page import LiveView
from batchmap.command.monitoring.run_figures import ItemCounts, RunFigures, shortened
from batchmap.command.monitoring.run_totals import RunTotals, Totals
from batchmap.command.progress_sums import ProgressSums
from batchmap.command.summary import ending
from batchmap.job import Job
from batchmap.records import BatchRecord
from batchmap.run_outcome import RunOutcome

__all__ = ["JobObserver"]


class JobObserver:
    """Add up what became of the items of an open job.

    `before` are the figures of the same command where an earlier process has done a part of it.
    """

    def __init__(self, job: Job, task: str, before: RunFigures | None) -> None:
        self._job = job
        self._task = task
        self._sums = ProgressSums(
            "run", None, job.state, job.items.counted, job.items.share_done, job.clock
        )
        self._began_s = job.clock.now()
        self._totals = RunTotals(Totals.none() if before is None else before.totals)
        outcome = job.outcome()
        self._before = outcome.written_before, outcome.failed_before
        if before is not None:
            self._before = before.counts.succeeded_before, before.counts.failed_before
        self._ending = ""
        self._is_well = False

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Add each record and yield it on."""
        return self._sums.observe(self._totals.observe(records))

    def end(self, error: BaseException | None) -> None:
        """Take note that the run has ended, perhaps by an error."""
        outcome = self._job.outcome()
        failed = outcome.failed + outcome.failed_before
        self._is_well = error is None and outcome.finished and not failed
        self._ending = ending(outcome)
        if error is not None:
            self._ending += f": {type(error).__name__}: {error}"

    def figures(self) -> RunFigures:
        """Return the figures as they are now."""
        return self._figures(self._job.outcome())

    def view(self) -> LiveView:
        """Return what the page shows now."""
        job, sums, outcome = self._job, self._sums, self._job.outcome()
        plan = job.state.plan
        return LiveView(
            task=self._task,
            source=job.items.name,
            output=outcome.output,
            figures=self._figures(outcome),
            done=sums.done,
            share=sums.share(),
            left_s=sums.eta_s(),
            elapsed_s=job.clock.now() - self._began_s,
            memory_bytes=sums.memory_bytes(),
            slowest=outcome.slowest,
            reasons=() if plan is None else plan.why,
            ending=self._ending,
            is_well=self._is_well,
        )

    def _figures(self, outcome: RunOutcome) -> RunFigures:
        state, totals = self._job.state, self._totals.totals()
        succeeded, failed = self._before
        plan = state.plan
        return RunFigures(
            counts=ItemCounts(
                succeeded=outcome.written_before + outcome.written - succeeded,
                failed=outcome.failed_before + outcome.failed - failed,
                succeeded_before=succeeded,
                failed_before=failed,
                retries=totals.retries,
            ),
            errors=shortened(outcome.errors),
            totals=totals,
            backend="" if plan is None else plan.backend,
            workers=0 if plan is None else plan.workers,
            busy_workers=state.busy_workers,
            batches_in_flight=state.in_flight,
            total=self._sums.total,
            rate=self._sums.rate(),
        )
