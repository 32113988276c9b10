"""Commands under supervision, and what is done when a function has ended or held their process."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from batchmap.backends import runs_in_processes
from batchmap.command import replaced_names
from batchmap.command.child_marks import leave
from batchmap.command.replaced_names import TaskReplacesNames
from batchmap.command.run_settings import RunSettings
from batchmap.command.settings import CommandSettings
from batchmap.command.supervisor import Ending, SignalChannel, supervise
from batchmap.command.terminal import stderr
from batchmap.errors import UsageError, WorkersLostError
from batchmap.sources.notices import told_before

__all__ = ["run_supervised", "supervise_task"]


def supervise_task(
    task: str,
    settings: CommandSettings,
    act: Callable[[CommandSettings, SignalChannel | None], int],
) -> int:
    """Return what `act` returns.

    Raises `UsageError` when the task could not be imported, `WorkersLostError` when it ended the
    process later.
    """

    def refuse(ending: Ending) -> None:
        _refuse_import(task, ending)
        raise WorkersLostError(
            f"an item ended this process with {_described(ending.code)}; run the task with `run` "
            "and --backend process, which names the item"
        )

    return supervise(
        lambda channel: act(settings, channel), when_ended=refuse, silence_limit_s=lambda: None
    )


def run_supervised(
    settings: RunSettings, act: Callable[[RunSettings, SignalChannel | None], int]
) -> int:
    """Return what `act` returns; when the function ended its process, go on with processes.

    So it is when the function gives no other thread a turn beyond its time limit. What was done is
    in the journal. Raises `WorkersLostError` where that is of no use: for stdout, for an input that
    cannot be read again, and when items had processes already; `UsageError` when the task could not
    even be imported.
    """
    has_processes = runs_in_processes(settings.backend) and not settings.dry_run
    rewind = _rewinding_stdin()

    def go_on_with_processes(ending: Ending) -> None:
        nonlocal settings, has_processes
        told_before()
        if ending.left:
            workers = 1 if settings.backend == "sequential" else settings.workers
            settings = replace(settings, backend="process", workers=workers)
            replaced_names.stay_as_they_are = True  # in this process and the next child
            has_processes = not settings.dry_run
            return
        _refuse_import(settings.task, ending)
        ended = f"ended this process with {_described(ending.code)}"
        if ending.was_silent:
            ended = f"held this process for over its {settings.timeout_s:g} s"
        if settings.dry_run or (settings.output is None and not has_processes):
            raise WorkersLostError(
                f"an item {ended}; with --backend process it costs that item alone"
            )
        if has_processes:
            raise WorkersLostError(
                f"this process ended with {_described(ending.code)} although items had their own",
                advice="" if settings.output is None else "run the same command with {resume}",
            )
        if not rewind(settings.source):
            raise WorkersLostError(
                f"an item {ended}, and what was read of the input is gone",
                advice="give the whole input again with {resume} and {backend:process}, where it "
                "costs that item alone",
            )
        has_processes = True
        print(f"an item {ended}; going on with processes", file=sys.stderr)
        settings = replace(settings, backend="process", overwrite=False)
        if not settings.sync:  # which goes on by itself
            settings = replace(settings, resume=True, retry_failed=False)

    def act_or_leave(channel: SignalChannel | None) -> int:
        try:
            return act(settings, channel)
        except TaskReplacesNames as replaced:
            if channel is None:  # there is no other process
                raise UsageError(
                    f"{settings.task} replaces {replaced} when imported; do so in the function"
                ) from replaced
            if not settings.quiet:
                print(
                    f"{settings.task} replaces {replaced} when it is imported; it is imported in "
                    "worker processes alone",
                    file=stderr(),
                )
            leave()

    return supervise(
        act_or_leave,
        when_ended=go_on_with_processes,
        silence_limit_s=lambda: None if has_processes else settings.timeout_s,
    )


def _refuse_import(task: str, ending: Ending) -> None:
    """Raise an error for a process that ended before items began."""
    if ending.had_started:
        return
    if ending.code == -signal.SIGKILL:  # a module hardly does that to itself
        raise WorkersLostError(
            "this process was killed before it began, perhaps for lack of memory; "
            "run the same command again"
        )
    raise UsageError(f"{task} cannot be imported: it ended with {_described(ending.code)}")


def _described(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _rewinding_stdin() -> Callable[[str], bool]:
    """Return what has the input read again from where it stands now, and tells whether it can be.

    It takes the INPUT as the command line names it.
    """
    start = None
    with suppress(OSError, ValueError):
        if stat.S_ISREG(os.fstat(0).st_mode):
            start = os.lseek(0, 0, os.SEEK_CUR)

    def rewind(source: str) -> bool:
        if source != "-":
            try:
                mode = Path(source).stat().st_mode
            except (OSError, ValueError):  # a pattern or a URL
                return True
            return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
        if start is None:
            return False
        os.lseek(0, start, os.SEEK_SET)
        return True

    return rewind
