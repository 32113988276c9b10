"""The command line: reads it, calls one graph, and returns the exit code."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import workbook

workbook.isolate()

from batchmap.command.errors import exit_code_of, flag_spelling
from batchmap.command.signals import exit_now, ignore_late_signals, stop_on_signals
from batchmap.command.terminal import is_plain, write_stdout
from batchmap.errors import BatchmapError, OutputError
from batchmap.stopping import StopRequest
from batchmap.text import printable

from workbook.utils.cli.arguments import help_text, read_command_line

if TYPE_CHECKING:
    from batchmap.command.run_settings import RunSettings
    from batchmap.command.settings import EngineSettings
    from batchmap.command.supervisor import SignalChannel
    from batchmap.command.task import Task
    from batchmap.sources import Source

    from workbook.utils.cli.settings import Settings

OUR_FAULT = 70
PIPE_CLOSED = 141
HALTED = 4


def main(words: Sequence[str]) -> int:
    """Run the command line `words` and return the exit code."""
    stop = StopRequest()
    try:
        _set_up_streams()
        code = _run(words, stop)
    except BatchmapError as error:
        with suppress(OSError):
            print("\n".join(map(printable, error.lines(flag_spelling))), file=sys.stderr)
        code = exit_code_of(error)
    except KeyboardInterrupt:  # before there was anything to stop
        code = 130
    except BrokenPipeError:
        _drop_stdout()
        code = PIPE_CLOSED
    except Exception:
        import traceback

        traceback.print_exc()
        print("That is a fault of this program, not of yours; please report it.", file=sys.stderr)
        code = OUR_FAULT
    if stop.killing:
        exit_now(code)
    return code


def _run(words: Sequence[str], stop: StopRequest) -> int:
    command, options = read_command_line(words)
    if command == "help":
        write_stdout(help_text())
        return 0
    settings = _settings_of(command, options)
    _set_up_logging(settings)

    def act(settings: Any, channel: SignalChannel | None = None) -> int:
        tells = not _shows_bar(settings) and not settings.quiet
        with stop_on_signals(stop, tells=tells, channel=channel):
            code = _COMMANDS[command](settings, stop)
        return code if stop.signal_number is None else 128 + stop.signal_number

    if command == "run":
        from batchmap.command.fall_back import run_supervised

        return run_supervised(cast("RunSettings", settings), act)
    return act(settings)


def _settings_of(command: str, options: dict[str, Any]) -> EngineSettings:
    if command == "run":
        from batchmap.command.run_settings import RunSettings

        return RunSettings.of(**options)
    from workbook.utils.cli.settings import Settings

    return Settings.of(**options)


def compare(settings: Settings, stop: StopRequest) -> int:
    """Run the comparison graph; 1 when the results do not match."""
    from graphs import create_comparison_graph
    from workbook.utils.reporting import show

    shared: dict[str, Any] = {}
    with _prints_kept_off(settings):
        create_comparison_graph(
            settings, function=_own_function(settings), stop=stop, shows=False
        ).run(shared)
    show(shared["report"])
    return 0 if shared["analysis"].get("results_match", True) else 1


def _prints_kept_off(settings: Settings) -> AbstractContextManager[Any]:
    """Keep what the user's own function prints from the report."""
    from batchmap.command.terminal import stdout_kept_for_results

    return nullcontext() if settings.task is None else stdout_kept_for_results()


def _own_function(settings: Settings) -> Callable[[Any], Any] | None:
    if settings.task is None:
        return None
    from batchmap.checkpoint.session import check_backend
    from batchmap.command.task import load_task

    task = load_task(settings.task, setup=settings.setup)
    check_backend(settings.backend, task)
    return task.function


def parallel(settings: Settings, stop: StopRequest) -> int:
    """Run the parallel graph."""
    from graphs import create_parallel_graph

    create_parallel_graph(settings, stop=stop).run({})
    return 0


def benchmark(settings: Settings, stop: StopRequest) -> int:
    """Run the comparison graph for each trial; 1 when any results do not match."""
    from contextlib import closing

    from graphs import create_comparison_graph
    from workbook.utils.reporting import render_benchmark, show
    from workbook.utils.reporting.benchmark_results import Benchmark

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
            outcome.add(trial)
            if stop.requested:
                break
    outcome.finish(interrupted=stop.requested)
    regressions, notes = outcome.regressions()
    show(
        render_benchmark(
            outcome.cases,
            outcome.recommendations(),
            regressions=regressions,
            notes=[*outcome.notes, *notes],
        )
    )
    return 0 if outcome.all_match else 1


def run(settings: RunSettings, stop: StopRequest) -> int:
    """Run the parallel graph over the user's data; 1 when items failed, 4 when it was halted."""
    from batchmap.checkpoint.session import check_backend, open_input
    from batchmap.command.task import load_task
    from batchmap.command.terminal import stdout_kept_for_results

    from workbook.utils.reporting import show

    with stdout_kept_for_results() as stdout:
        task = load_task(settings.task, setup=settings.setup)
        check_backend(settings.backend, task)
        source = open_input(settings, stop)
        if settings.dry_run:
            report, code = _rehearse(settings, task, source, stop), 0
        else:
            report, code = _run_and_record(settings, task, source, stdout, stop)
    if settings.output is None and not settings.dry_run:
        with suppress(OSError):
            print(report, end="", file=sys.stderr)
    else:
        show(report)
    return code


def _rehearse(settings: RunSettings, task: Task, source: Source, stop: StopRequest) -> str:
    from batchmap.command.dry_run import find_plan
    from batchmap.command.summary import render_plan

    return render_plan(find_plan(settings, task.function, source, stop))


def _run_and_record(
    settings: RunSettings, task: Task, source: Source, stdout: int, stop: StopRequest
) -> tuple[str, int]:
    from batchmap.checkpoint.session import open_recorder
    from batchmap.command.supervisor import mark_started

    from graphs import create_parallel_graph

    shared: dict[str, Any] = {}
    with open_recorder(settings, task, source, stdout=stdout, stop=stop) as recorder:
        mark_started()
        create_parallel_graph(
            settings,
            function=task.function,
            recorder=recorder,
            stop=stop,
            command="run",
            shows=False,
        ).run(shared)
        outcome = recorder.outcome()
    if settings.output is not None and not outcome.finished:
        print(f"resume with: {_resuming_command()}", file=sys.stderr)
    if outcome.halted:
        return shared["report"], HALTED
    return shared["report"], 1 if outcome.failed + outcome.failed_before else 0


def _resuming_command() -> str:
    words = [word for word in sys.orig_argv if word not in ("--overwrite", "--resume")]
    end = words.index("--") if "--" in words else len(words)
    return shlex.join([*words[:end], "--resume", *words[end:]])


_COMMANDS: dict[str, Callable[[Any, StopRequest], int]] = {
    "compare": compare,
    "parallel": parallel,
    "benchmark": benchmark,
    "run": run,
}


def _shows_bar(settings: EngineSettings) -> bool:
    return settings.progress and not settings.quiet and not is_plain()


def _set_up_streams() -> None:
    """Let no character that the terminal lacks end a report; refuse to run without a stdout."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  # stays open to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if sys.stdout is None:
        raise OutputError("stdout is closed, so the report has nowhere to go; open it")


def _drop_stdout() -> None:
    """Send what is still buffered nowhere, so that closing the stream cannot fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _set_up_logging(settings: EngineSettings) -> None:
    import logging

    level = "error" if settings.quiet else settings.log_level
    logging.basicConfig(level=level.upper(), format="%(levelname)s %(name)s: %(message)s")


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    ignore_late_signals(exit_code)
    sys.exit(exit_code)
