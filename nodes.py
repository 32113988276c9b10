"""The six nodes: prep reads the shared store, exec calls the rooms of utils, post writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from dataclasses import replace
from pathlib import Path
from typing import Any

from batchmap.checkpoint import Recorder
from batchmap.command.run_settings import RunSettings
from batchmap.records import Plan, RunSummary, as_mapping
from batchmap.scheduling.batching import Batches
from batchmap.sources import SourceItems, TextLines
from batchmap.stopping import StopRequest
from kaygraph import BatchNode, MetricsNode, Node, ParallelBatchNode

from workbook.utils.analysis.case import analyze_rounds, plan_as_run
from workbook.utils.analysis.records import Case, Comparison
from workbook.utils.cli.settings import Settings
from workbook.utils.execution.planning import plan_run
from workbook.utils.execution.run import RunRequest, RunResult, execute_run
from workbook.utils.execution.trace import Round
from workbook.utils.reporting import show
from workbook.utils.reporting.report import Report, build_report, write_report_files
from workbook.utils.workloads.simulated import WORKLOADS, GeneratedItems

__all__ = [
    "AggregateNode",
    "LoadDataNode",
    "ParallelProcessNode",
    "ReportNode",
    "SequentialProcessNode",
    "SplitBatchNode",
]


AnySettings = Settings | RunSettings


class LoadDataNode(Node):
    """Make the items, open the file that holds them, or take those given or of `recorder`.

    Writes `items`, `total_items`, `data_type`.
    """

    def __init__(
        self,
        settings: AnySettings,
        *,
        default_count: int = 100,
        items: Iterable[Any] | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__(node_id="LoadDataNode")
        self._items = items
        self._settings = settings
        self._default_count = default_count
        self._recorder = recorder

    def exec(self, prep_res: Any) -> tuple[Iterable[Any], str]:
        if self._recorder is not None:
            return self._recorder.items, self._recorder.items.name
        settings = self._settings
        assert isinstance(settings, Settings)
        if self._items is not None:
            return self._items, getattr(self._items, "data_type", "items")
        if settings.task is not None:
            from batchmap.checkpoint.session import open_compared_input

            items = SourceItems(open_compared_input(settings), limit=settings.count)
            return items, items.name
        workload = WORKLOADS[settings.workload]
        if settings.input is not None:
            data_type = "numbers" if workload.data_type == "numbers" else "text"
            return TextLines(Path(settings.input), limit=settings.count), data_type
        data_type = settings.data or workload.data_type
        count = settings.count or self._default_count
        return GeneratedItems(data_type, count, settings.seed), data_type

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
        shared["items"], shared["data_type"] = exec_res
        shared["total_items"] = _total_of(shared["items"])


def _total_of(items: Any) -> int | None:
    if hasattr(items, "total"):
        return items.total  # type: ignore[no-any-return]
    return len(items) if isinstance(items, Sized) else None


class SplitBatchNode(Node):
    """Decide backend, workers and batch size, and cut the items into balanced batches.

    Writes `batches`, `batch_size`, `num_batches`, `plan`, and the same as `planned`, which stays
    as it is when measuring changes the plan.
    """

    def __init__(self, settings: AnySettings) -> None:
        super().__init__(node_id="SplitBatchNode")
        self._settings = settings

    def prep(self, shared: dict[str, Any]) -> tuple[Iterable[Any], int | None]:
        return shared["items"], shared["total_items"]

    def exec(self, prep_res: tuple[Iterable[Any], int | None]) -> tuple[Batches, Plan]:
        items, total = prep_res
        plan, sizing = plan_run(self._settings, items, total)
        return Batches(items, total, sizing), plan

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: tuple[Batches, Plan]) -> None:
        shared["batches"], shared["plan"] = exec_res
        shared["planned"] = shared["plan"]
        shared["batch_size"] = shared["plan"].batch_size
        shared["num_batches"] = shared["plan"].num_batches


class ProcessNode(MetricsNode):
    """What the two process nodes share, which is all but the executor.

    The items of their batch are walks over the input, one at present. Writes `*_metrics`,
    `*_trace`, and `*_results` when `keep_results`; returns `interrupted` when the walk was
    stopped. With a `recorder`, what becomes of the items is kept as it says.
    """

    phase: str

    def __init__(
        self,
        settings: AnySettings,
        *,
        function: Callable[[Any], Any] | None = None,
        recorder: Recorder | None = None,
        stop: StopRequest | None = None,
        keep_results: bool = True,
        title: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(collect_metrics=True, **kwargs)
        self._settings = settings
        self._function = function
        self._recorder = recorder
        self._stop = stop or StopRequest()
        self._keep_results = keep_results
        name = self.phase if recorder is None else "run"
        self._label = f"{title}: {name}" if title else name

    def exec(self, item: RunRequest) -> RunResult:
        return execute_run(
            item,
            self._settings,
            function=self._function,
            recorder=self._recorder,
            stop=self._stop,
            keep_results=self._keep_results,
            label=self._label,
        )

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> str | None:
        [walked] = exec_res
        plan, summary, results = walked.plan, walked.summary, walked.results
        shared[f"{self.phase}_metrics"] = as_mapping(summary)
        shared[f"{self.phase}_trace"] = walked.trace
        if results is not None:
            shared[f"{self.phase}_results"] = results
        if self.phase == "parallel" and plan != shared["plan"]:
            shared["plan"] = plan = plan_as_run(plan, summary, self._settings)
            shared["batch_size"], shared["num_batches"] = plan.batch_size, plan.num_batches
        return "interrupted" if summary.interrupted else None


def _walk_of(shared: dict[str, Any], plan: Plan, compared_workers: int) -> RunRequest:
    batches = None if shared["planned"].is_open else shared["batches"]
    return RunRequest(plan, shared["items"], shared["total_items"], batches, compared_workers)


class SequentialProcessNode(BatchNode, ProcessNode):
    """RunRequest the batches with one worker: the baseline."""

    phase = "sequential"

    def __init__(self, settings: AnySettings, **options: Any) -> None:
        super().__init__(settings=settings, node_id="SequentialProcessNode", **options)

    def prep(self, shared: dict[str, Any]) -> list[RunRequest]:
        planned: Plan = shared["planned"]
        # The sequential executor cannot give an item up, a thread can.
        backend = "sequential" if self._settings.timeout_s is None else "thread"
        alone = replace(planned, backend=backend, workers=1)
        return [_walk_of(shared, alone, planned.workers)]


class ParallelProcessNode(ParallelBatchNode, ProcessNode):
    """RunRequest the batches with the executor and the workers of the plan."""

    phase = "parallel"

    def __init__(self, settings: AnySettings, **options: Any) -> None:
        super().__init__(max_workers=1, settings=settings, node_id="ParallelProcessNode", **options)

    def prep(self, shared: dict[str, Any]) -> list[RunRequest]:
        plan: Plan = shared["planned"]
        return [_walk_of(shared, plan, plan.workers)]


class AggregateNode(Node):
    """Set the two runs of this round, and of those before, side by side.

    Writes `rounds` and `analysis`; returns `again` while rounds are left.
    """

    def __init__(self, settings: Settings, *, function: Callable[[Any], Any] | None = None) -> None:
        super().__init__(node_id="AggregateNode")
        self._settings = settings
        self._function = function

    def prep(self, shared: dict[str, Any]) -> dict[str, Any]:
        return dict(shared)

    def exec(self, prep_res: dict[str, Any]) -> tuple[list[Round], Comparison]:
        this_round = Round(
            RunSummary(**prep_res["sequential_metrics"]),
            RunSummary(**prep_res["parallel_metrics"]),
            prep_res["sequential_trace"],
            prep_res["parallel_trace"],
        )
        rounds = [*prep_res.get("rounds", ()), this_round]
        comparison = analyze_rounds(
            rounds,
            prep_res,
            self._settings,
            function=self._function,
            is_last=len(rounds) == self._settings.repeat,
        )
        return rounds, comparison

    def post(
        self, shared: dict[str, Any], prep_res: Any, exec_res: tuple[list[Round], Comparison]
    ) -> str | None:
        shared["rounds"], comparison = exec_res
        shared["analysis"] = as_mapping(comparison)
        return "again" if len(shared["rounds"]) < self._settings.repeat else None


class ReportNode(Node):
    """Put what is known into words, show it, and write the exports asked for.

    Writes `report`, `case`, and `analysis` when no node before did. With several rounds, the
    figures of each side's median round stay.
    """

    def __init__(
        self,
        settings: AnySettings,
        *,
        command: str,
        shows: bool = True,
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__(node_id="ReportNode")
        self._recorder = recorder
        self._settings = settings
        self._command = command
        self._shows = shows

    def prep(self, shared: dict[str, Any]) -> dict[str, Any]:
        return dict(shared)

    def exec(self, prep_res: dict[str, Any]) -> Report:
        outcome = None if self._recorder is None else self._recorder.outcome()
        return build_report(self._command, prep_res, self._settings, outcome=outcome)

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Report) -> None:
        shared["report"], shared["case"] = exec_res.report, exec_res.case
        shared["analysis"] = dict(exec_res.analysis)
        _keep_median_round(shared)
        if self._shows:
            show(shared["report"])
        write_report_files(self._command, shared, self._settings)


def _keep_median_round(shared: dict[str, Any]) -> None:
    case: Case | None = shared["case"]
    if case is None or case.sequential is None:
        return
    for phase, run, trace in (
        ("sequential", case.sequential, case.sequential_trace),
        ("parallel", case.parallel, case.parallel_trace),
    ):
        shared[f"{phase}_metrics"], shared[f"{phase}_trace"] = as_mapping(run), trace
