"""Kills processes together with all that they have started."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress

__all__ = ["kill_trees"]

MAX_PASSES = 10
"""How often descendants are looked for: those found may have started others by then."""


def kill_trees(pids: Collection[int]) -> None:
    """Kill the processes `pids`, which have not been waited for, and all their descendants.

    They are stopped first, so that they start no more. A descendant whose own parent has ended is
    found only below a "child subreaper", see prctl(2).
    """
    for pid in pids:
        _send(pid, signal.SIGSTOP)
    with suppress(ImportError):
        for _ in range(MAX_PASSES):
            if not (found := _descendants(pids)):
                break
            for pid in found:
                _send(pid, signal.SIGKILL)
    for pid in pids:
        _send(pid, signal.SIGKILL)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it runs as another user: sudo
        os.kill(pid, number)


def _descendants(pids: Collection[int]) -> list[int]:
    """Return the descendants that have not ended."""
    import psutil

    children = defaultdict(list)
    for process in psutil.process_iter(["ppid", "status"]):
        children[process.info["ppid"]].append(process)
    found: list[int] = []
    left = list(pids)
    while left:
        for process in children.pop(left.pop(), ()):
            left.append(process.pid)
            if process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found
