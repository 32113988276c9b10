"""The command line: reads it, calls one graph, and returns the exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.command_line import help_text, read_command_line
from utils.errors import OutputError, WorkbookError
from utils.signals import leave, stop_on_signals
from utils.stopping import StopRequest
from utils.terminal import is_plain, write_stdout

if TYPE_CHECKING:
    from utils.settings import Settings

OUR_FAULT = 70
PIPE_CLOSED = 141


def main(words: Sequence[str]) -> int:
    """Run the command line `words` and return the exit code."""
    stop = StopRequest()
    try:
        _set_up_streams()
        code = _run(words, stop)
    except WorkbookError as error:
        with suppress(OSError):
            print(error, file=sys.stderr)
        code = error.exit_code
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
        leave(code)
    return code


def _run(words: Sequence[str], stop: StopRequest) -> int:
    command, options = read_command_line(words)
    if command == "help":
        write_stdout(help_text())
        return 0
    from utils.settings import Settings

    settings = Settings.of(**options)
    _set_up_logging(settings)
    with stop_on_signals(stop, tells=not _shows_bar(settings) and not settings.quiet):
        all_right = _COMMANDS[command](settings, stop)
    if stop.signal_number is not None:
        return 128 + stop.signal_number
    return 0 if all_right else 1


def compare(settings: Settings, stop: StopRequest) -> bool:
    """Run the comparison graph; tell whether the results match."""
    from graphs import create_comparison_graph

    shared: dict[str, Any] = {}
    create_comparison_graph(settings, stop=stop).run(shared)
    return bool(shared["analysis"].get("results_match", True))


def parallel(settings: Settings, stop: StopRequest) -> bool:
    """Run the parallel graph."""
    from graphs import create_parallel_graph

    create_parallel_graph(settings, stop=stop).run({})
    return True


def benchmark(settings: Settings, stop: StopRequest) -> bool:
    """Run the comparison graph for each scenario; tell whether all results match."""
    from graphs import create_comparison_graph
    from utils.benchmarking import Benchmark
    from utils.reporting import render_benchmark, show, write_json

    outcome = Benchmark(settings)
    for name, chosen in outcome.cases():
        shared: dict[str, Any] = {}
        create_comparison_graph(
            chosen, stop=stop, command="benchmark", shows=False, title=name
        ).run(shared)
        outcome.add(name, chosen, shared)
        if stop.requested:
            break
    show(render_benchmark(outcome.results, outcome.recommendations()))
    if settings.export_json is not None:
        write_json(settings.export_json, outcome.document())
    return outcome.all_match


_COMMANDS: dict[str, Callable[[Settings, StopRequest], bool]] = {
    "compare": compare,
    "parallel": parallel,
    "benchmark": benchmark,
}


def _shows_bar(settings: Settings) -> bool:
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


def _set_up_logging(settings: Settings) -> None:
    import logging

    level = "error" if settings.quiet else settings.log_level
    logging.basicConfig(level=level.upper(), format="%(levelname)s %(name)s: %(message)s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
