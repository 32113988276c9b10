"""The command line of the workbook: reads it, runs one graph, and returns the exit code."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # `signal` is still to be imported

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C from now on shows no traceback

from contextlib import AbstractContextManager, closing, nullcontext
from typing import TYPE_CHECKING, Any

import batchmap_workbook

batchmap_workbook.isolate()

from batchmap.command.start_up import (  # noqa: E402  # found by `isolate`
    exit_on_interrupt,
    hold_collection,
)

if __name__ == "__main__":
    exit_on_interrupt()
    hold_collection()

from batchmap.command.application import Application  # noqa: E402
from batchmap.command.monitoring.monitoring import Monitoring  # noqa: E402
from batchmap.stopping import StopRequest  # noqa: E402

from batchmap_workbook.utils.cli.arguments import PROGRAM  # noqa: E402

if TYPE_CHECKING:
    from batchmap.command.run_settings import RunSettings
    from batchmap.job import Job

    from batchmap_workbook.utils.cli.compared_task import ComparedTask
    from batchmap_workbook.utils.cli.settings import Settings


def compare(settings: Settings, stop: StopRequest, monitoring: Monitoring) -> int:
    """Run the comparison graph; 1 when the results do not match."""
    from batchmap_workbook.graphs import create_comparison_graph
    from batchmap_workbook.utils.reporting import show_report

    batchmap_workbook.pickle_by_value()
    shared: dict[str, Any] = {}
    with _prints_kept_off(settings):
        create_comparison_graph(
            settings, function=_own_function(settings), stop=stop, shows=False
        ).run(shared)
    monitoring.count(shared)
    show_report(shared["report"], shared["case"], settings)
    return 0 if shared["analysis"].get("results_match", True) else 1


def parallel(settings: Settings, stop: StopRequest, monitoring: Monitoring) -> int:
    """Run the parallel graph."""
    from batchmap_workbook.graphs import create_parallel_graph

    batchmap_workbook.pickle_by_value()
    shared: dict[str, Any] = {}
    create_parallel_graph(settings, stop=stop).run(shared)
    monitoring.count(shared)
    return 0


def benchmark(settings: Settings, stop: StopRequest, monitoring: Monitoring) -> int:
    """Run the comparison graph for each trial; 1 when any results do not match, 5 by a gate."""
    from batchmap_workbook.graphs import create_comparison_graph
    from batchmap_workbook.nodes import report_figures
    from batchmap_workbook.utils.reporting import Benchmark, report_revisions

    if settings.versus is not None:
        return report_revisions(settings, stop)
    batchmap_workbook.pickle_by_value()
    outcome = Benchmark(settings, function=_own_function(settings))
    with _prints_kept_off(settings), closing(outcome.trials()) as trials:
        for trial in trials:
            create_comparison_graph(
                trial.settings,
                function=trial.function,
                items=trial.items,
                has_baseline=trial.has_baseline,
                stop=stop,
                command="benchmark",
                shows=False,
                title=trial.name,
            ).run(trial.shared)
            monitoring.count(trial.shared)
            outcome.add(trial, report_figures(trial.shared), trial.shared["case"])
            if stop.requested:
                break
    outcome.finish(interrupted=stop.requested)
    outcome.show()
    return outcome.exit_code


def run(settings: RunSettings, stop: StopRequest, monitoring: Monitoring) -> int:
    """Run the parallel graph over the user's data; 1 when items failed, 4 when it was stopped."""
    from batchmap.command.run import run

    from batchmap_workbook.utils.reporting import show

    return run(settings, stop, monitoring=monitoring, drive=_through_graph, show=show)


def _through_graph(job: Job, settings: RunSettings) -> str:
    from batchmap_workbook.graphs import create_parallel_graph

    shared: dict[str, Any] = {}
    create_parallel_graph(settings, job=job, stop=job.stop, command="run", shows=False).run(shared)
    report: str = shared["report"]
    return report


def _own_function(settings: Settings) -> ComparedTask | None:
    if settings.task is None:
        return None
    from batchmap.command.child_marks import mark_started

    from batchmap_workbook.utils.cli.task import load_compared_task

    function = load_compared_task(settings)
    mark_started()
    return function


def _prints_kept_off(settings: Settings) -> AbstractContextManager[Any]:
    """Keep what the user's own function prints from the report."""
    from batchmap.command.terminal import stdout_kept_for_results

    return nullcontext() if settings.task is None else stdout_kept_for_results()


APPLICATION = Application(
    PROGRAM,
    {"compare": compare, "parallel": parallel, "benchmark": benchmark, "run": run},
    supervised=("run",),
)


def main(words: list[str]) -> int:
    """Run the command line `words` and return the exit code."""
    return APPLICATION.main(words)


if __name__ == "__main__":
    APPLICATION.run_as_script()
