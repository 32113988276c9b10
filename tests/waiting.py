"""Waiting for what must happen, without taking a core from what makes it happen."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["WAIT_S", "has_lines", "is_gone", "wait_until"]

WAIT_S = 90.0
"""How long tests wait for what must happen; on a busy machine a process takes long to start."""


def wait_until(
    condition: Callable[[], object],
    seconds: float = WAIT_S,
    *,
    process: subprocess.Popen[bytes] | subprocess.Popen[str] | None = None,
) -> None:
    """Return when the condition holds, which it must within so many seconds.

    `process` is who makes it hold, and must not end before.
    """
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, "it ended too soon"
        assert time.monotonic() < deadline_s, f"not within {seconds:.0f} s"
        time.sleep(0.01)


def has_lines(path: Path, number: int) -> bool:
    """Tell whether a file is there and has at least so many lines."""
    return path.exists() and path.read_bytes().count(b"\n") >= number


def is_gone(process_id: int) -> bool:
    """Tell whether there is no process of this number."""
    with suppress(ProcessLookupError):
        os.kill(process_id, 0)
        return False
    return True
