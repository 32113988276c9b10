"""Workers that are forks of this process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from batchmap.executors.process.spawn import signals_blocked

__all__ = ["ForkedProcess", "fork_worker"]


class ForkedProcess:
    """A child of this process; `descriptor` becomes readable when it has ended."""

    def __init__(self, pid: int) -> None:
        self.pid: int | None = pid
        self.exit_code: int | None = None
        """How it ended: negative for a signal; `None` before, and where that is not known."""
        self.ended = False
        self.descriptor = os.pidfd_open(pid)

    def collect(self) -> None:
        """Take note that it has ended, and how."""
        assert self.pid is not None
        with suppress(ChildProcessError):  # somebody else has waited for it
            _, status = os.waitpid(self.pid, 0)
            self.exit_code = os.waitstatus_to_exitcode(status)
        self.ended = True
        os.close(self.descriptor)


def fork_worker(enter: Callable[[], NoReturn]) -> ForkedProcess:
    """Fork this process, which has one thread; `enter` is called in the child.

    Raises `OSError` where there can be no more processes or descriptors.
    """
    for stream in (sys.stdout, sys.stderr):  # or the child would write what waits there, too
        with suppress(Exception):
            stream.flush()
    with signals_blocked():
        pid = os.fork()
        if not pid:
            try:
                enter()
            finally:
                os._exit(1)
    try:
        return ForkedProcess(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
