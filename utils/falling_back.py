"""Runs `run` where a function that ends its process costs that item, and not the command."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import replace

from utils.errors import UsageError, WorkersLostError
from utils.guarding import SignalChannel, run_guarded
from utils.run_settings import RunSettings

__all__ = ["run_in_child"]


def run_in_child(
    settings: RunSettings, act: Callable[[RunSettings, SignalChannel | None], int]
) -> int:
    """Return what `act` returns; when the function ended its process, go on with processes.

    What was done is in the journal. Raises `WorkersLostError` where that is of no use: for stdout,
    and when processes did not help.
    """
    if settings.backend in ("process", "dask") and not settings.dry_run:
        return act(settings, None)
    fell_back = False

    def fall_back(code: int, was_under_way: bool) -> None:
        nonlocal settings, fell_back
        ending = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        if not was_under_way and code == -signal.SIGKILL:  # a module hardly does that to itself
            raise WorkersLostError(
                "this process was killed before it began, perhaps for lack of memory; "
                "run the same command again"
            )
        if not was_under_way:
            raise UsageError(f"{settings.task} cannot be imported: it ended with {ending}")
        if settings.output is None or settings.dry_run:
            raise WorkersLostError(
                f"an item ended this process with {ending}; with --backend process it costs that "
                "item alone"
            )
        if fell_back:
            raise WorkersLostError(f"this process ended with {ending} although items had their own")
        fell_back = True
        print(f"an item ended this process with {ending}; going on with processes", file=sys.stderr)
        settings = replace(
            settings, backend="process", resume=True, retry_failed=False, overwrite=False
        )

    return run_guarded(lambda channel: act(settings, channel), when_ended=fall_back)
