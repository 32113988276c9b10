"""The six nodes: prep reads the shared store, exec calls the packages of utils, post writes.

The two process nodes are batch nodes, but give `BatchNode` one item only: a request for a whole
run, which `exec` hands to the library. The library cuts the items into batches and keeps a bounded
number in flight; `BatchNode` would keep all results in a list, and its retries do not cover workers
that crash. `examples/own_graph.py` builds a node whose batch items are the items.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from batchmap.command.settings import CommandSettings
from batchmap.job import Job
from batchmap.metrics import RunSummary
from batchmap.records import Plan
from batchmap.scheduling.batching import Batches
from batchmap.stopping import StopRequest
from kaygraph import BatchNode, MetricsNode, Node, ParallelBatchNode

from batchmap_workbook.utils import analysis, execution, reporting
from batchmap_workbook.utils.cli.settings import Settings

if TYPE_CHECKING:
    from batchmap_workbook.utils.cli.compared_task import ComparedFunction

    _PhaseOutcome = tuple[execution.RunResult, analysis.ResultLog | None]

__all__ = [
    "AggregateNode",
    "LoadDataNode",
    "ParallelProcessNode",
    "ReportNode",
    "SequentialProcessNode",
    "SplitBatchNode",
    "report_figures",
]


class _SettingsNode(Node):
    """A node that is named after its class and knows the settings and, for `run`, the job."""

    def __init__(self, settings: CommandSettings, *, job: Job | None = None) -> None:
        super().__init__(node_id=type(self).__name__)
        self._settings = settings
        self._job = job


class LoadDataNode(_SettingsNode):
    """Make the items, open the file that holds them, or take those given, or those of `job`.

    Writes `items`, `total_items`, `data_type`, and `started`, the time.
    """

    def __init__(
        self,
        settings: CommandSettings,
        *,
        default_count: int = 100,
        items: Iterable[Any] | None = None,
        job: Job | None = None,
    ) -> None:
        super().__init__(settings, job=job)
        self._items = items
        self._default_count = default_count

    def prep(self, shared: dict[str, Any]) -> datetime:
        return datetime.now(UTC)

    def exec(self, prep_res: datetime) -> tuple[Iterable[Any], str]:
        if self._job is not None:
            return self._job.items, self._job.items.name
        if self._items is not None:
            return self._items, getattr(self._items, "data_type", "items")
        assert isinstance(self._settings, Settings)
        return execution.open_items(self._settings, self._default_count)

    def post(self, shared: dict[str, Any], prep_res: datetime, exec_res: Any) -> None:
        shared["started"] = prep_res
        shared["items"], shared["data_type"] = exec_res
        shared["total_items"] = execution.total_of(shared["items"])


class SplitBatchNode(_SettingsNode):
    """Decide backend, workers and batch size, and cut the items into balanced batches.

    Writes `batches`, `batch_size`, `num_batches`, `plan`, and the same as `planned`, which stays
    as it is when measuring changes the plan.
    """

    def prep(self, shared: dict[str, Any]) -> tuple[Iterable[Any], int | None]:
        return shared["items"], shared["total_items"]

    def exec(self, prep_res: tuple[Iterable[Any], int | None]) -> tuple[Batches, Plan]:
        items, total = prep_res
        if self._job is not None:
            plan, sizing = self._job.plan()
        else:
            assert isinstance(self._settings, Settings)
            plan, sizing = execution.plan_run(self._settings, items, total)
        return Batches(items, total, sizing), plan

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: tuple[Batches, Plan]) -> None:
        shared["batches"], shared["plan"] = exec_res
        shared["planned"] = shared["plan"]
        for key in ("rounds", "analysis"):  # of a comparison before, where the store has one
            shared.pop(key, None)
        shared["batch_size"] = shared["plan"].batch_size
        shared["num_batches"] = shared["plan"].num_batches


class ProcessNode(MetricsNode):
    """The common base of the two process nodes, which differ in their plan only.

    `exec` gets a request for a run over all items and has the library carry it out. Writes
    `*_metrics`, `*_trace`, and with `keep_results` `*_results`, `*` being the phase; returns
    `interrupted` when the run was stopped. A `job` records what becomes of the items.
    """

    phase: str

    def __init__(
        self,
        settings: CommandSettings,
        *,
        function: ComparedFunction | None = None,
        job: Job | None = None,
        stop: StopRequest | None = None,
        keep_results: bool = True,
        title: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(collect_metrics=True, **kwargs)
        self._settings, self._keep_results = settings, keep_results
        name = self.phase if job is None else "run"
        label = f"{title}: {name}" if title else name
        self._phase_run = execution.Phase(
            label, settings, function=function, job=job, stop=stop or StopRequest()
        )

    def exec(self, item: execution.RunRequest) -> _PhaseOutcome:
        results = analysis.ResultLog() if self._keep_results else None
        observers = [] if results is None else [results]
        return self._phase_run.run(item, observers, probes_machine=self._keep_results), results

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> str | None:
        [(result, results)] = exec_res
        plan, summary = result.plan, result.summary
        shared[f"{self.phase}_metrics"], shared[f"{self.phase}_trace"] = summary, result.trace
        if results is not None:
            shared[f"{self.phase}_results"] = results
        if self.phase == "parallel" and plan != shared["plan"]:
            size = self._settings.batch_size
            shared["plan"] = plan = analysis.plan_as_run(plan, summary, batch_size=size)
            shared["batch_size"], shared["num_batches"] = plan.batch_size, plan.num_batches
        return "interrupted" if summary.interrupted else None


def _request(shared: dict[str, Any], plan: Plan, workers: int) -> execution.RunRequest:
    batches = None if shared["planned"].is_open else shared["batches"]
    return execution.RunRequest(plan, shared["items"], shared["total_items"], batches, workers)


class SequentialProcessNode(BatchNode, ProcessNode):
    """Run the batches with one worker: the baseline."""

    phase = "sequential"

    def __init__(self, settings: CommandSettings, **options: Any) -> None:
        super().__init__(settings=settings, node_id="SequentialProcessNode", **options)

    def prep(self, shared: dict[str, Any]) -> list[execution.RunRequest]:
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

    def prep(self, shared: dict[str, Any]) -> list[execution.RunRequest]:
        plan: Plan = shared["planned"]
        return [_request(shared, plan, plan.workers)]


class AggregateNode(_SettingsNode):
    """Compare the two runs of this round, and of the rounds before.

    Writes `rounds` and `analysis`; returns `again` while rounds are left.
    """

    def __init__(self, settings: Settings, *, function: ComparedFunction | None = None) -> None:
        super().__init__(settings)
        self._comparison_settings = settings
        self._function = function

    def prep(self, shared: dict[str, Any]) -> analysis.ComparedRounds:
        this_round = execution.Round(
            RunSummary.of(shared["sequential_metrics"]),
            RunSummary.of(shared["parallel_metrics"]),
            shared["sequential_trace"],
            shared["parallel_trace"],
        )
        results = analysis.RoundResults(
            items=shared["items"],
            sequential=shared["sequential_results"],
            parallel=shared["parallel_results"],
            parallel_trace=shared["parallel_trace"],
        )
        return analysis.ComparedRounds(
            rounds=[*shared.get("rounds", ()), this_round],
            results=results,
            earlier_verdict=shared.get("analysis", {}).get("verdict"),
            data_type=shared["data_type"],
            plan=shared["plan"],
            given=analysis.GivenOptions.of(self._settings, shared["planned"]),
        )

    def exec(self, prep_res: analysis.ComparedRounds) -> analysis.Comparison:
        settings = self._comparison_settings
        return analysis.analyze_rounds(
            prep_res,
            self._function or execution.built_in_function(settings, prep_res.plan.backend),
            tolerance=settings.tolerance,
            measures_capacity=len(prep_res.rounds) == settings.repeat,
        )

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> str | None:
        shared["rounds"], shared["analysis"] = list(prep_res.rounds), exec_res
        is_last = len(shared["rounds"]) >= self._comparison_settings.repeat
        return None if is_last else "again"


class ReportNode(_SettingsNode):
    """Put what is known into words, show it, and write the exports asked for.

    Writes `report`, `case`, and `analysis` when no node before did. With several rounds, the
    figures of each side's median round stay.
    """

    def __init__(
        self, settings: CommandSettings, *, command: str, shows: bool = True, job: Job | None = None
    ) -> None:
        super().__init__(settings, job=job)
        self._command = command
        self._shows = shows

    def prep(self, shared: dict[str, Any]) -> analysis.RunFigures:
        runs = {
            phase: RunSummary.of(shared[f"{phase}_metrics"])
            for phase in ("sequential", "parallel")
            if f"{phase}_metrics" in shared
        }
        is_compared = "rounds" in shared and "analysis" in shared
        known = {key: shared[key] for key in ("data_type", "items", "total_items", "plan")}
        return analysis.RunFigures(
            **known,
            given=analysis.GivenOptions.of(self._settings, shared["planned"]),
            sequential=runs.get("sequential"),
            parallel=runs.get("parallel"),
            parallel_trace=shared.get("parallel_trace"),
            rounds=shared["rounds"] if is_compared else (),
            comparison=analysis.Comparison.of(shared["analysis"]) if is_compared else None,
        )

    def exec(self, prep_res: analysis.RunFigures) -> reporting.Report:
        outcome = None if self._job is None else self._job.outcome()
        case = analysis.build_case(
            self._command, self._settings.workload_name, prep_res, outcome=outcome
        )
        return reporting.build_report(prep_res, case, details=self._settings.details)

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: reporting.Report) -> None:
        shared["report"], shared["case"] = exec_res.report, exec_res.case
        if exec_res.case is None or exec_res.case.comparison is None:
            shared["analysis"] = exec_res.analysis
        if (case := exec_res.case) is not None:
            shared["parallel_metrics"] = case.parallel
            shared["parallel_trace"] = case.parallel_trace
            if case.sequential is not None:
                shared["sequential_metrics"] = case.sequential
                shared["sequential_trace"] = case.sequential_trace
        if self._shows:
            reporting.show_report(shared["report"], shared["case"], self._settings)
        reporting.write_report_files(
            self._command,
            self._settings,
            report_figures(shared),
            exec_res,
            source_name=getattr(shared["items"], "name", ""),
            started=shared["started"],
        )


def report_figures(shared: dict[str, Any]) -> dict[str, Any]:
    """Return what an export holds of a run or comparison that has ended."""
    phases, kinds = ("sequential", "parallel"), ("metrics", "trace")
    measured = (f"{phase}_{kind}" for phase in phases for kind in kinds)
    return {key: shared[key] for key in ("plan", "analysis", *measured) if key in shared}
