"""The six nodes: prep reads the shared store, exec calls the rooms of utils, post writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from kaygraph import BatchNode, MetricsNode, Node, ParallelBatchNode

from utils.analysis import compare_runs, describe_runs
from utils.batching import Batches
from utils.intake import Intake
from utils.machine import describe_machine, usable_cores
from utils.planning import plan_run
from utils.recording import Recorder
from utils.records import Comparison, Plan, RunSummary, as_mapping
from utils.reporting import (
    export_document,
    render_comparison,
    render_parallel,
    render_partial,
    render_run,
    show,
    write_json,
)
from utils.results import results_match
from utils.run_settings import RunSettings
from utils.settings import Settings
from utils.sources import TextLines
from utils.stopping import StopRequest
from utils.walking import Walk, Walked, walk
from utils.workloads import WORKLOADS, GeneratedItems

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
    """Make the items, open the file whose lines they are, or take those of `recorder`.

    Writes `items`, `total_items`, `data_type`.
    """

    def __init__(
        self,
        settings: AnySettings,
        *,
        default_count: int = 100,
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__(node_id="LoadDataNode")
        self._settings = settings
        self._default_count = default_count
        self._recorder = recorder

    def exec(self, prep_res: Any) -> tuple[TextLines | GeneratedItems | Intake, str]:
        if self._recorder is not None:
            return self._recorder.items, self._recorder.items.name
        settings = self._settings
        assert isinstance(settings, Settings)
        workload = WORKLOADS[settings.workload]
        if settings.input is not None:
            data_type = "numbers" if workload.data_type == "numbers" else "text"
            return TextLines(settings.input, limit=settings.count), data_type
        data_type = settings.data or workload.data_type
        count = settings.count or self._default_count
        return GeneratedItems(data_type, count, settings.seed), data_type

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
        shared["items"], shared["data_type"] = exec_res
        shared["total_items"] = shared["items"].total


class SplitBatchNode(Node):
    """Decide backend, workers and batch size, and cut the items into balanced batches.

    Writes `batches`, `batch_size`, `num_batches`, `plan`.
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
        shared["batch_size"] = shared["plan"].batch_size
        shared["num_batches"] = shared["plan"].num_batches


class WalkNode(MetricsNode):
    """What the two process nodes share, which is all but the executor.

    The items of their batch are walks over the input, one at present. Writes `*_metrics`, and
    `*_results` when `keep_results`; returns `interrupted` when the walk was stopped. With a
    `recorder`, what becomes of the items is kept as it says.
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

    def exec(self, item: Walk) -> Walked:
        return walk(
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
        if results is not None:
            shared[f"{self.phase}_results"] = results
        if self.phase == "parallel" and plan != shared["plan"]:
            shared["plan"] = replace(plan, num_batches=summary.batches)
            shared["batch_size"], shared["num_batches"] = plan.batch_size, summary.batches
        return "interrupted" if summary.interrupted else None


class SequentialProcessNode(BatchNode, WalkNode):
    """Walk the batches with one worker: the baseline."""

    phase = "sequential"

    def __init__(self, settings: AnySettings, **options: Any) -> None:
        super().__init__(settings=settings, node_id="SequentialProcessNode", **options)

    def prep(self, shared: dict[str, Any]) -> list[Walk]:
        planned: Plan = shared["plan"]
        alone = replace(planned, backend="sequential", workers=1)
        return [
            Walk(alone, shared["items"], shared["total_items"], shared["batches"], planned.workers)
        ]


class ParallelProcessNode(ParallelBatchNode, WalkNode):
    """Walk the batches with the executor and the workers of the plan."""

    phase = "parallel"

    def __init__(self, settings: AnySettings, **options: Any) -> None:
        super().__init__(max_workers=1, settings=settings, node_id="ParallelProcessNode", **options)

    def prep(self, shared: dict[str, Any]) -> list[Walk]:
        plan: Plan = shared["plan"]
        return [Walk(plan, shared["items"], shared["total_items"], shared["batches"], plan.workers)]


class AggregateNode(Node):
    """Set the two runs side by side. Writes `analysis`."""

    def __init__(self) -> None:
        super().__init__(node_id="AggregateNode")

    def prep(self, shared: dict[str, Any]) -> dict[str, Any]:
        return dict(shared)

    def exec(self, prep_res: dict[str, Any]) -> Comparison:
        return compare_runs(
            RunSummary(**prep_res["sequential_metrics"]),
            RunSummary(**prep_res["parallel_metrics"]),
            data_type=prep_res["data_type"],
            planned_workers=prep_res["plan"].workers,
            usable_cores=usable_cores(),
            results_match=results_match(
                prep_res["sequential_results"], prep_res["parallel_results"]
            ),
        )

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Comparison) -> None:
        shared["analysis"] = as_mapping(exec_res)


class ReportNode(Node):
    """Put what is known into words, show it, and write the exports asked for.

    Writes `report`, and `analysis` when no node before it did.
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

    def exec(self, prep_res: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        plan: Plan = prep_res["plan"]
        data_type: str = prep_res["data_type"]
        runs = {
            phase: RunSummary(**prep_res[f"{phase}_metrics"])
            for phase in ("sequential", "parallel")
            if f"{phase}_metrics" in prep_res
        }
        place = getattr(prep_res["items"], "place", "item {}".format)
        if "analysis" in prep_res:
            comparison = Comparison(**prep_res["analysis"])
            report = render_comparison(plan, runs["parallel"], comparison, place=place)
            return report, prep_res["analysis"]
        analysis = describe_runs(runs, data_type=data_type, planned_workers=plan.workers)
        if self._recorder is not None:
            outcome = self._recorder.outcome()
            report = render_run(plan, data_type, runs["parallel"], outcome)
            return report, analysis | {"outcome": as_mapping(outcome)}
        if any(run.interrupted for run in runs.values()):
            return render_partial(plan, data_type, prep_res["total_items"], runs), analysis
        report = render_parallel(
            plan, data_type, runs["parallel"], utilisation=analysis["utilisation"], place=place
        )
        return report, analysis

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> None:
        shared["report"], shared["analysis"] = exec_res
        if self._shows:
            show(shared["report"])
        if self._settings.export_json is not None:
            document = export_document(self._command, self._settings, describe_machine(), shared)
            write_json(self._settings.export_json, document)
