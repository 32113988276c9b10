"""What a program does around its subcommands: streams, signals, errors, exit code."""

from __future__ import annotations

import gc
import io
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from batchmap.command.arguments import Program
from batchmap.command.child_marks import is_child
from batchmap.command.errors import STOPPED, exit_code_of, flag_spelling, sync_spelling
from batchmap.command.monitoring.monitoring import Monitoring
from batchmap.command.settings import CommandSettings
from batchmap.command.signals import exit_now, ignore_late_signals, stop_on_signals
from batchmap.command.start_up import INTERRUPTED, begin_collection, raise_on_interrupt
from batchmap.command.supervisor import SignalChannel
from batchmap.command.terminal import is_plain, write_line, write_stdout
from batchmap.errors import BatchmapError, OutputError
from batchmap.resources import EXHAUSTED
from batchmap.stopping import StopRequest
from batchmap.storage.secrets import without_secrets
from batchmap.text import printable

__all__ = ["Action", "Application"]

ENVIRONMENT_GAVE_OUT = 3
FAULT_OF_THE_PROGRAM = 70
PIPE_CLOSED = 141

_OUR_LOGGERS = frozenset(
    (
        "root",
        "batchmap",
        "batchmap_workbook",
        "async",
        "auto",
        "input",
        "output",
        "process",
        "thread",
    )
)
"""First parts of the names of loggers that a user of the command need not know."""

_COLOURS = (35, 31)
"""Magenta for warnings and red for errors, which show on dark and on light backgrounds alike."""

Action = Callable[[Any, StopRequest, Monitoring], int]
"""Does what the settings of a subcommand ask for; returns the exit code."""


class Application:
    """A program, and what each of its subcommands does.

    With a function of the user's, a subcommand runs in a child process, which the function may end,
    as by a segmentation fault. Those of `supervised` are then resumed in another one, with their
    items in worker processes.
    """

    def __init__(
        self, program: Program, actions: Mapping[str, Action], *, supervised: Sequence[str] = ()
    ) -> None:
        self._program = program
        self._actions = actions
        self._supervised = supervised

    def main(self, words: Sequence[str]) -> int:
        """Run the command line `words` and return the exit code."""
        stop, monitoring = StopRequest(), Monitoring()
        message = ""
        try:
            raise_on_interrupt()
            _set_up_streams()
            code = self._run(words, stop, monitoring)
        except BatchmapError as error:
            spell = sync_spelling if "--sync" in words else flag_spelling
            notes = "\n".join(getattr(error, "__notes__", ())).splitlines()
            lines = map(printable, [*error.lines(spell), *notes])
            message = without_secrets("\n".join(lines))
            with suppress(OSError):
                print(message, file=sys.stderr)
            code = exit_code_of(error)
        except KeyboardInterrupt:  # before there was anything to stop
            code = INTERRUPTED
        except BrokenPipeError:
            _drop_stdout()
            code = PIPE_CLOSED
        except Exception as error:
            code = _report_unforeseen(error)
            message = without_secrets(printable(f"{type(error).__name__}: {error}"))
        code = monitoring.end(code, message)
        if stop.killing:
            exit_now(code)
        return code

    def run_as_script(self) -> None:
        """Run the words that the process was started with, and exit."""
        try:
            code = self.main(sys.argv[1:])
        except KeyboardInterrupt:  # after all was done, and the signals were as before
            code = INTERRUPTED
        ignore_late_signals(code)
        if not is_child():  # nothing of the user's is here, whose end could matter
            gc.freeze()
        sys.exit(code)

    def _run(self, words: Sequence[str], stop: StopRequest, monitoring: Monitoring) -> int:
        if (text := self._information(words)) is not None:
            write_stdout(text)
            return 0
        subcommand, options = self._program.read(words)
        settings = subcommand.settings.of(**options)
        _set_up_logging(settings)
        monitoring.begin(subcommand.name, settings)
        action = self._actions[subcommand.name]

        def act(settings: CommandSettings, channel: SignalChannel | None = None) -> int:
            if subcommand.name not in self._supervised:  # which have still much to import
                begin_collection()
            shows_bar = settings.progress and not settings.quiet and not is_plain()
            announces = not shows_bar and not settings.quiet
            with stop_on_signals(
                stop, announces=announces, channel=channel, before_exit=monitoring.end
            ):
                code = action(settings, stop, monitoring)
            if stop.signal_number is not None:
                return 128 + stop.signal_number
            if stop.reason and subcommand.name not in self._supervised:  # whose reports say so
                print(f"stopped by the function: {printable(stop.reason)}", file=sys.stderr)
            return STOPPED if stop.reason else code

        if subcommand.name in self._supervised:
            from batchmap.command.supervised_run import run_supervised

            return run_supervised(settings, act)
        if (task := getattr(settings, "task", None)) is not None:
            from batchmap.command.supervised_run import supervise_task

            return supervise_task(task, settings, act)
        return act(settings)

    def _information(self, words: Sequence[str]) -> str | None:
        """Return the help or the version where `words` ask for it."""
        if words and words[0] == "--version":
            return f"{self._program.name} {self._program.version}\n"
        from batchmap.command.help import program_help, subcommand_help

        if not words or words[0] in ("-h", "--help", "help"):
            return program_help(self._program)
        before_dashes = words[: list(words).index("--")] if "--" in words else words
        if {"-h", "--help"} & set(before_dashes):
            in_full = any(
                pair[0] in ("-h", "--help") for pair in pairwise(words) if pair[1] == "all"
            )
            subcommand = self._program.subcommand(words[0])
            return subcommand_help(self._program, subcommand, in_full=in_full)
        return None


def _report_unforeseen(error: Exception) -> int:
    """Print what no part of the program expected, and return the exit code."""
    if isinstance(error, OSError) and error.errno in EXHAUSTED:
        with suppress(OSError):
            print(f"{error.strerror}; raise the limit (ulimit -a)", file=sys.stderr)
        return ENVIRONMENT_GAVE_OUT
    import traceback

    traceback.print_exception(error)
    print("That is a fault of this program, not of yours; please report it.", file=sys.stderr)
    return FAULT_OF_THE_PROGRAM


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


class _LineHandler(logging.Handler):
    """Writes records on standard error, above a bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; one that cannot be written is dropped."""
        with suppress(OSError, ValueError):
            write_line(self.format(record))


class _Formatter(logging.Formatter):
    """Shows records without passwords, and so that none of them controls the terminal.

    Warnings and errors begin with what they are, in colour on a terminal, and with the name of the
    logger unless it is one of ours.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        text = "\n".join(map(printable, without_secrets(super().format(record)).split("\n")))
        name = f"{record.name}: "
        if record.levelno < logging.WARNING:
            return f"{record.levelname} {name}{text}"
        is_ours = record.name.partition(".")[0] in _OUR_LOGGERS
        kind = f"{record.levelname.lower()}:"
        if not is_plain():
            kind = f"\x1b[1;{_COLOURS[record.levelno >= logging.ERROR]}m{kind}\x1b[0m"
        return f"{kind} {'' if is_ours else name}{text}"


def _set_up_logging(settings: CommandSettings) -> None:
    level = "error" if settings.quiet else settings.log_level
    handler = _LineHandler()
    handler.setFormatter(_Formatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])
