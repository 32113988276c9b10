"""A phase of the demonstration: its sequential or its parallel run, or the run of a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from batchmap.command.progress import ProgressObserver
from batchmap.command.settings import CommandSettings
from batchmap.engine import RunState
from batchmap.job import Job, RunObserver
from batchmap.records import BatchRecord
from batchmap.stopping import StopRequest

from ..cli.compared_task import ComparedFunction, ComparedTask
from ..cli.settings import Settings
from .items import built_in_function, facts_of, items_at
from .run import RunRequest, RunResult, execute_run, run_items

__all__ = ["Phase"]


class Phase:
    """Runs over all items with one executor, with its progress shown under `label`.

    `function` stands in for the workload's own. A `job` brings function and items, and records what
    becomes of them; without one, `settings` are those of the demonstration.
    """

    def __init__(
        self,
        label: str,
        settings: CommandSettings,
        *,
        function: ComparedFunction | None = None,
        job: Job | None = None,
        stop: StopRequest,
    ) -> None:
        self._label = label
        self._settings = settings
        self._function = function
        self._job = job
        self._stop = stop

    def run(
        self, request: RunRequest, observers: Sequence[RunObserver], *, probes_machine: bool
    ) -> RunResult:
        """Return the sums and the trace of the run; `observers` see its records as they come."""
        job = self._job
        state = RunState(request.plan) if job is None else job.state
        progress = ProgressObserver(
            phase=self._label,
            total=request.total_items,
            state=None if job is None else state,
            counted=(lambda: None) if job is None else job.items.counted,
            share_done=(lambda: None) if job is None else job.items.share_done,
            enabled=self._settings.progress and not self._settings.quiet,
            stop=self._stop,
        )
        return execute_run(
            self._records(request, state),
            request,
            state=state,
            observers=[progress, *observers],
            facts=facts_of(request.items) if job is None else None,  # which looks itself
            items_at=items_at(request.items) if job is None else None,
            probes_machine=probes_machine,
            stop=self._stop,
        )

    def _records(self, request: RunRequest, state: RunState) -> Iterator[BatchRecord]:
        if self._job is not None:
            return self._job.execute()
        settings = self._settings
        assert isinstance(settings, Settings)
        function = self._function or built_in_function(settings, request.plan.backend)
        return run_items(request, settings, ComparedTask.of(function), state=state, stop=self._stop)
