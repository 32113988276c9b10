"""The command line: reads it, calls one graph, and returns the exit code."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from utils.command_line import help_text, read_command_line
from utils.errors import OutputError, WorkbookError
from utils.stopping import StopRequest, Urgency
from utils.terminal import is_plain, write_stdout

if TYPE_CHECKING:
    from utils.settings import Settings

DRAIN_S = 5.0
"""How long running items may take to finish after a first Ctrl-C, in seconds."""

LEAVE_S = 2.0
"""How long after that the command leaves, whatever still runs, in seconds."""

STUCK = "left without a report: an item would not end"

OUR_FAULT = 70
PIPE_CLOSED = 141


def main(words: Sequence[str]) -> int:
    """Run the command line `words` and return the exit code."""
    stop = StopRequest()
    try:
        _set_up_streams()
        code = _run(words, stop)
    except WorkbookError as error:
        print(error, file=sys.stderr)
        code = error.exit_code
    except BrokenPipeError:
        _drop_stdout()
        code = PIPE_CLOSED
    except Exception:
        import traceback

        traceback.print_exc()
        print("That is a fault of this program, not of yours; please report it.", file=sys.stderr)
        code = OUR_FAULT
    if stop.killing:
        _leave(code)
    return code


def _run(words: Sequence[str], stop: StopRequest) -> int:
    command, options = read_command_line(words)
    if command == "help":
        write_stdout(help_text())
        return 0
    from utils.settings import Settings

    settings = Settings.of(**options)
    _set_up_logging(settings)
    with _signals_to(stop, tells=not _shows_bar(settings) and not settings.quiet):
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
    from dataclasses import replace

    from graphs import create_comparison_graph
    from utils.machine import describe_machine, free_memory_bytes, usable_cores
    from utils.recommending import recommend
    from utils.records import Comparison, RunSummary, ScenarioResult
    from utils.reporting import export_document, render_benchmark, show, write_json
    from utils.scenarios import SCENARIOS

    results: list[ScenarioResult] = []
    exports: list[dict[str, Any]] = []
    machine = describe_machine()
    for scenario in SCENARIOS:
        shared: dict[str, Any] = {}
        chosen = replace(
            settings,
            workload=scenario.workload,
            count=scenario.count,
            workers=settings.workers or scenario.workers,
            latency_s=settings.latency_s * (0.1 if settings.quick else 1),
        )
        create_comparison_graph(
            chosen, stop=stop, command="benchmark", shows=False, title=scenario.name
        ).run(shared)
        exports.append(
            {"name": scenario.name, **export_document("benchmark", chosen, machine, shared)}
        )
        if stop.requested:
            break
        results.append(
            ScenarioResult(
                scenario.name,
                scenario.workload,
                shared["plan"],
                RunSummary(**shared["sequential_metrics"]),
                Comparison(**shared["analysis"]),
            )
        )
    advice = recommend(results, usable_cores=usable_cores(), free_memory_bytes=free_memory_bytes())
    show(render_benchmark(results, advice))
    if settings.export_json:
        write_json(
            settings.export_json,
            {
                "command": "benchmark",
                "settings": settings,
                "machine": machine,
                "scenarios": exports,
                "recommendations": advice,
            },
        )
    return all(result.comparison.results_match for result in results)


_COMMANDS: dict[str, Callable[[Settings, StopRequest], bool]] = {
    "compare": compare,
    "parallel": parallel,
    "benchmark": benchmark,
}


@contextmanager
def _signals_to(stop: StopRequest, *, tells: bool) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into requests to stop, the third one into leaving.

    Where no bar does so, a line tells that the first one was heard.
    """
    received = 0

    def on_signal(number: int, frame: object) -> None:
        nonlocal received
        received += 1
        if received == 1:
            stop.request(Urgency.DRAIN, number)
            if tells:
                _tell("stopping: running items may finish; once more gives them up")
            _after(DRAIN_S, lambda: stop.request(Urgency.KILL))
            _after(DRAIN_S + LEAVE_S, lambda: _leave(128 + number, STUCK))
        elif received == 2:
            stop.request(Urgency.KILL, number)
            _after(LEAVE_S, lambda: _leave(128 + number, STUCK))
        else:
            _leave(128 + number)

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    watched = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, on_signal) for number in watched}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _shows_bar(settings: Settings) -> bool:
    return settings.progress and not settings.quiet and not is_plain()


def _after(seconds: float, act: Callable[[], None]) -> None:
    import threading

    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def _leave(code: int, why: str = "") -> None:
    """End the process now, with the cursor back, whatever still runs."""
    if sys.stderr is not None and sys.stderr.isatty():
        os.write(2, b"\x1b[?25h")
    if why:
        _tell(why)
    os._exit(code)


def _tell(message: str) -> None:
    """Write a line on stderr, safely even inside a signal handler."""
    with suppress(OSError):
        os.write(2, f"{message}\n".encode())


def _set_up_streams() -> None:
    """Let no character that the terminal lacks end a report; refuse to run without a stdout."""
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
