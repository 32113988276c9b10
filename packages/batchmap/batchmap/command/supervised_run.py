"""`run` under supervision: when an item has ended the process, the run goes on with processes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import replace

from batchmap.backends import runs_in_processes
from batchmap.command.run_settings import RunSettings
from batchmap.command.supervisor import SignalChannel, supervise
from batchmap.errors import UsageError, WorkersLostError

__all__ = ["run_supervised"]


def run_supervised(
    settings: RunSettings, act: Callable[[RunSettings, SignalChannel | None], int]
) -> int:
    """Return what `act` returns; when the function ended its process, go on with processes.

    What was done is in the journal. Raises `WorkersLostError` where that is of no use: for stdout,
    and when processes did not help; `UsageError` when the task could not even be imported.
    """
    if runs_in_processes(settings.backend) and not settings.dry_run:
        return act(settings, None)
    has_processes = False

    def go_on_with_processes(code: int, had_started: bool) -> None:
        nonlocal settings, has_processes
        ending = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        if not had_started and code == -signal.SIGKILL:  # a module hardly does that to itself
            raise WorkersLostError(
                "this process was killed before it began, perhaps for lack of memory; "
                "run the same command again"
            )
        if not had_started:
            raise UsageError(f"{settings.task} cannot be imported: it ended with {ending}")
        if settings.output is None or settings.dry_run:
            raise WorkersLostError(
                f"an item ended this process with {ending}; with --backend process it costs that "
                "item alone"
            )
        if has_processes:
            raise WorkersLostError(f"this process ended with {ending} although items had their own")
        has_processes = True
        print(f"an item ended this process with {ending}; going on with processes", file=sys.stderr)
        settings = replace(
            settings, backend="process", resume=True, retry_failed=False, overwrite=False
        )

    return supervise(lambda channel: act(settings, channel), when_ended=go_on_with_processes)
