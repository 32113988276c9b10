"""The graphs: which node leads to which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from batchmap.command.run_settings import RunSettings
from batchmap.job import Job
from batchmap.stopping import StopRequest, Urgency
from kaygraph import BaseNode, Graph

from batchmap_workbook.nodes import (
    AggregateNode,
    LoadDataNode,
    ParallelProcessNode,
    ReportNode,
    SequentialProcessNode,
    SplitBatchNode,
)
from batchmap_workbook.utils.cli.settings import Settings

if TYPE_CHECKING:
    from batchmap_workbook.utils.cli.compared_task import ComparedFunction

__all__ = ["create_comparison_graph", "create_parallel_graph"]


def create_comparison_graph(
    settings: Settings | None = None,
    *,
    function: ComparedFunction | None = None,
    items: Iterable[Any] | None = None,
    stop: StopRequest | None = None,
    command: str = "compare",
    shows: bool = True,
    title: str = "",
    has_baseline: bool = False,
) -> Graph:
    """Return the graph that runs the items one after another, then in parallel, and compares.

    `function` stands in for the workload's own, `items` for those that `settings` make or read;
    it must be possible to iterate them any number of times. `run({})` fills the shared store; with
    `shows` the report is printed, too. `title` goes before the phase in the progress. With
    `has_baseline` the shared store already holds items and a sequential run over them.
    """
    settings = settings or Settings.of()
    stop = stop or StopRequest()
    load = LoadDataNode(settings, default_count=100, items=items)
    sequential = SequentialProcessNode(settings, function=function, stop=stop, title=title)
    parallel = ParallelProcessNode(settings, function=function, stop=stop, title=title)
    aggregate = AggregateNode(settings, function=function)
    report = ReportNode(settings, command=command, shows=shows)
    split = SplitBatchNode(settings)

    load >> split >> (parallel if has_baseline else sequential)
    sequential >> parallel >> aggregate >> report
    aggregate - "again" >> (parallel if has_baseline else sequential)
    sequential - "interrupted" >> report
    parallel - "interrupted" >> report
    return _InterruptibleGraph("ComparisonGraph", split if has_baseline else load, stop)


def create_parallel_graph(
    settings: Settings | RunSettings | None = None,
    *,
    function: ComparedFunction | None = None,
    job: Job | None = None,
    stop: StopRequest | None = None,
    command: str = "parallel",
    shows: bool = True,
) -> Graph:
    """Return the graph that runs the items in parallel only; no item's result is kept.

    `function` stands in for the workload's own. A `job` that is open brings items and function,
    and records what becomes of the items; it goes with `RunSettings`. `run({})` fills the shared
    store; with `shows` the report is printed, too.
    """
    settings = settings or Settings.of()
    stop = stop or StopRequest()
    load = LoadDataNode(settings, default_count=1000, job=job)
    parallel = ParallelProcessNode(
        settings, function=function, job=job, stop=stop, keep_results=False
    )
    report = ReportNode(settings, command=command, shows=shows, job=job)

    load >> SplitBatchNode(settings, job=job) >> parallel >> report
    parallel - "interrupted" >> report
    return _InterruptibleGraph("ParallelGraph", load, stop)


class _InterruptibleGraph(Graph):
    """A graph whose workers are given up when its run ends in an error, Ctrl-C in a script too."""

    def __init__(self, name: str, start: BaseNode, stop: StopRequest) -> None:
        super().__init__(start)
        self.node_id = name
        self._stop = stop

    def run(self, shared: dict[str, Any]) -> Any:
        try:
            return super().run(shared)
        except BaseException:
            self._stop.request(Urgency.KILL)
            raise
