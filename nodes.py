"""The six nodes: prep reads the shared store, exec calls the packages of utils, post writes.

What KayGraph's batch classes do here: the items of the two process nodes' batches are *runs over
all items*, one in each round, not the items themselves. A hundred million items never fit the list
that `BatchNode.exec` is called along, and its retries know nothing of workers that crash. So each
node's `exec` hands its run to the library, which cuts the items into batches and keeps a bounded
number of them in flight. `examples/own_graph.py` builds a node whose batch items are the items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from batchmap.command.progress import ProgressObserver
from batchmap.command.settings import CommandSettings
from batchmap.engine import RunState
from batchmap.job import Job, RunObserver
from batchmap.metrics import RunSummary
from batchmap.records import BatchRecord, Plan
from batchmap.scheduling.batching import Batches
from batchmap.stopping import StopRequest
from kaygraph import BatchNode, MetricsNode, Node, ParallelBatchNode

from workbook.utils.analysis import (
    Case,
    ComparedRounds,
    Comparison,
    GivenOptions,
    ResultLog,
    RoundResults,
    RunFigures,
    analyze_rounds,
    build_case,
    plan_as_run,
)
from workbook.utils.cli.settings import Settings
from workbook.utils.execution import (
    Round,
    RunRequest,
    RunResult,
    built_in_function,
    execute_run,
    open_items,
    plan_run,
    run_items,
    total_of,
)
from workbook.utils.reporting import show
from workbook.utils.reporting.report import Report, build_report, write_report_files

__all__ = [
    "AggregateNode",
    "LoadDataNode",
    "ParallelProcessNode",
    "ReportNode",
    "SequentialProcessNode",
    "SplitBatchNode",
]


class LoadDataNode(Node):
    """Make the items, open the file that holds them, or take those given, or those of `job`.

    Writes `items`, `total_items`, `data_type`.
    """

    def __init__(
        self,
        settings: CommandSettings,
        *,
        default_count: int = 100,
        items: Iterable[Any] | None = None,
        job: Job | None = None,
    ) -> None:
        super().__init__(node_id="LoadDataNode")
        self._items = items
        self._settings = settings
        self._default_count = default_count
        self._job = job

    def exec(self, prep_res: Any) -> tuple[Iterable[Any], str]:
        if self._job is not None:
            return self._job.items, self._job.items.name
        if self._items is not None:
            return self._items, getattr(self._items, "data_type", "items")
        assert isinstance(self._settings, Settings)
        return open_items(self._settings, self._default_count)

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
        shared["items"], shared["data_type"] = exec_res
        shared["total_items"] = total_of(shared["items"])


class SplitBatchNode(Node):
    """Decide backend, workers and batch size, and cut the items into balanced batches.

    Writes `batches`, `batch_size`, `num_batches`, `plan`, and the same as `planned`, which stays
    as it is when measuring changes the plan.
    """

    def __init__(self, settings: CommandSettings, *, job: Job | None = None) -> None:
        super().__init__(node_id="SplitBatchNode")
        self._settings = settings
        self._job = job

    def prep(self, shared: dict[str, Any]) -> tuple[Iterable[Any], int | None]:
        return shared["items"], shared["total_items"]

    def exec(self, prep_res: tuple[Iterable[Any], int | None]) -> tuple[Batches, Plan]:
        items, total = prep_res
        if self._job is not None:
            plan, sizing = self._job.plan()
        else:
            assert isinstance(self._settings, Settings)
            plan, sizing = plan_run(self._settings, items, total)
        return Batches(items, total, sizing), plan

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: tuple[Batches, Plan]) -> None:
        shared["batches"], shared["plan"] = exec_res
        shared["planned"] = shared["plan"]
        shared["batch_size"] = shared["plan"].batch_size
        shared["num_batches"] = shared["plan"].num_batches


class ProcessNode(MetricsNode):
    """What the two process nodes share, which is all but the executor.

    The one item of their batch is a run over the input, which the library does. Writes
    `*_metrics`, `*_trace`, and `*_results` when `keep_results`; returns `interrupted` when the run
    was stopped. A `job` records what becomes of the items.
    """

    phase: str

    def __init__(
        self,
        settings: CommandSettings,
        *,
        function: Callable[[Any], Any] | None = None,
        job: Job | None = None,
        stop: StopRequest | None = None,
        keep_results: bool = True,
        title: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(collect_metrics=True, **kwargs)
        self._settings = settings
        self._function = function
        self._job = job
        self._stop = stop or StopRequest()
        self._keep_results = keep_results
        name = self.phase if job is None else "run"
        self._label = f"{title}: {name}" if title else name

    def exec(self, item: RunRequest) -> tuple[RunResult, ResultLog | None]:
        job = self._job
        state = RunState(item.plan) if job is None else job.state
        results = ResultLog() if self._keep_results else None
        progress = ProgressObserver(
            phase=self._label,
            total=item.total_items,
            state=None if job is None else state,
            expected=(lambda: None) if job is None else job.items.expected,
            enabled=self._settings.progress and not self._settings.quiet,
            stop=self._stop,
        )
        observers: list[RunObserver] = [progress] if results is None else [progress, results]
        result = execute_run(
            self._records(item, state),
            item,
            state=state,
            observers=observers,
            probes_machine=self._keep_results,
            stop=self._stop,
        )
        return result, results

    def _records(self, request: RunRequest, state: RunState) -> Iterator[BatchRecord]:
        if self._job is not None:
            return self._job.execute()
        settings = self._settings
        assert isinstance(settings, Settings)
        function = self._function or built_in_function(settings, request.plan.backend)
        return run_items(request, settings, function, state=state, stop=self._stop)

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> str | None:
        [(result, results)] = exec_res
        plan, summary = result.plan, result.summary
        shared[f"{self.phase}_metrics"] = summary
        shared[f"{self.phase}_trace"] = result.trace
        if results is not None:
            shared[f"{self.phase}_results"] = results
        if self.phase == "parallel" and plan != shared["plan"]:
            shared["plan"] = plan = plan_as_run(plan, summary, batch_size=self._settings.batch_size)
            shared["batch_size"], shared["num_batches"] = plan.batch_size, plan.num_batches
        return "interrupted" if summary.interrupted else None


def _request(shared: dict[str, Any], plan: Plan, compared_workers: int) -> RunRequest:
    batches = None if shared["planned"].is_open else shared["batches"]
    return RunRequest(plan, shared["items"], shared["total_items"], batches, compared_workers)


class SequentialProcessNode(BatchNode, ProcessNode):
    """Run the batches with one worker: the baseline."""

    phase = "sequential"

    def __init__(self, settings: CommandSettings, **options: Any) -> None:
        super().__init__(settings=settings, node_id="SequentialProcessNode", **options)

    def prep(self, shared: dict[str, Any]) -> list[RunRequest]:
        planned: Plan = shared["planned"]
        # The sequential executor cannot give an item up, a thread can.
        backend = "sequential" if self._settings.timeout_s is None else "thread"
        alone = replace(planned, backend=backend, workers=1)
        return [_request(shared, alone, planned.workers)]


class ParallelProcessNode(ParallelBatchNode, ProcessNode):
    """Run the batches with the executor and the workers of the plan."""

    phase = "parallel"

    def __init__(self, settings: CommandSettings, **options: Any) -> None:
        super().__init__(max_workers=1, settings=settings, node_id="ParallelProcessNode", **options)

    def prep(self, shared: dict[str, Any]) -> list[RunRequest]:
        plan: Plan = shared["planned"]
        return [_request(shared, plan, plan.workers)]


class AggregateNode(Node):
    """Compare the two runs of this round, and of the rounds before.

    Writes `rounds` and `analysis`; returns `again` while rounds are left.
    """

    def __init__(self, settings: Settings, *, function: Callable[[Any], Any] | None = None) -> None:
        super().__init__(node_id="AggregateNode")
        self._settings = settings
        self._function = function

    def prep(self, shared: dict[str, Any]) -> ComparedRounds:
        this_round = Round(
            RunSummary.of(shared["sequential_metrics"]),
            RunSummary.of(shared["parallel_metrics"]),
            shared["sequential_trace"],
            shared["parallel_trace"],
        )
        return ComparedRounds(
            rounds=[*shared.get("rounds", ()), this_round],
            results=RoundResults(
                items=shared["items"],
                sequential=shared["sequential_results"],
                parallel=shared["parallel_results"],
                parallel_trace=shared["parallel_trace"],
            ),
            earlier_verdict=shared.get("analysis", {}).get("verdict"),
            data_type=shared["data_type"],
            plan=shared["plan"],
            given=_given_options(shared, self._settings),
        )

    def exec(self, prep_res: ComparedRounds) -> Comparison:
        return analyze_rounds(
            prep_res,
            self._function or built_in_function(self._settings, prep_res.plan.backend),
            tolerance=self._settings.tolerance,
            measures_capacity=len(prep_res.rounds) == self._settings.repeat,
        )

    def post(
        self, shared: dict[str, Any], prep_res: ComparedRounds, exec_res: Comparison
    ) -> str | None:
        shared["rounds"], shared["analysis"] = list(prep_res.rounds), exec_res
        return "again" if len(shared["rounds"]) < self._settings.repeat else None


class ReportNode(Node):
    """Put what is known into words, show it, and write the exports asked for.

    Writes `report`, `case`, and `analysis` when no node before did. With several rounds, the
    figures of each side's median round stay.
    """

    def __init__(
        self,
        settings: CommandSettings,
        *,
        command: str,
        shows: bool = True,
        job: Job | None = None,
    ) -> None:
        super().__init__(node_id="ReportNode")
        self._job = job
        self._settings = settings
        self._command = command
        self._shows = shows

    def prep(self, shared: dict[str, Any]) -> RunFigures:
        runs = {
            phase: RunSummary.of(shared[f"{phase}_metrics"])
            for phase in ("sequential", "parallel")
            if f"{phase}_metrics" in shared
        }
        is_compared = "rounds" in shared and "analysis" in shared
        return RunFigures(
            data_type=shared["data_type"],
            items=shared["items"],
            total_items=shared["total_items"],
            plan=shared["plan"],
            given=_given_options(shared, self._settings),
            sequential=runs.get("sequential"),
            parallel=runs.get("parallel"),
            parallel_trace=shared.get("parallel_trace"),
            rounds=shared["rounds"] if is_compared else (),
            comparison=Comparison.of(shared["analysis"]) if is_compared else None,
        )

    def exec(self, prep_res: RunFigures) -> Report:
        outcome = None if self._job is None else self._job.outcome()
        case = build_case(self._command, _workload_name(self._settings), prep_res)
        return build_report(prep_res, case, outcome=outcome)

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Report) -> None:
        shared["report"], shared["case"] = exec_res.report, exec_res.case
        if exec_res.case is None or exec_res.case.comparison is None:
            shared["analysis"] = exec_res.analysis
        _keep_median_round(shared)
        if self._shows:
            show(shared["report"])
        write_report_files(self._command, shared, self._settings)


def _given_options(shared: dict[str, Any], settings: CommandSettings) -> GivenOptions:
    return GivenOptions.of(
        batch_size=settings.batch_size, rate=settings.rate, planned=shared["planned"]
    )


def _workload_name(settings: CommandSettings) -> str:
    """Return the name of the workload, or the user's task."""
    task: str | None = getattr(settings, "task", None)
    if task is not None:
        return task
    assert isinstance(settings, Settings)
    return settings.workload


def _keep_median_round(shared: dict[str, Any]) -> None:
    case: Case | None = shared["case"]
    if case is None or case.sequential is None:
        return
    for phase, run, trace in (
        ("sequential", case.sequential, case.sequential_trace),
        ("parallel", case.parallel, case.parallel_trace),
    ):
        shared[f"{phase}_metrics"], shared[f"{phase}_trace"] = run, trace
