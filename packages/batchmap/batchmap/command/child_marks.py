"""What the child of a supervised command tells its parent, a byte each, through a pipe."""

from __future__ import annotations

import os
import signal
import threading
from os import _exit, fstat, kill, write  # held, for a function may replace them
from time import sleep
from typing import NoReturn

__all__ = [
    "BEAT_S",
    "Marks",
    "begin_marking",
    "is_child",
    "leave",
    "mark_exiting",
    "mark_returned",
    "mark_started",
]

BEAT_S = 0.2
"""How often the child says that it is alive."""

_ALIVE = b"."
_STARTED = b"u"
_EXITING = b"x"
_LEAVING = b"l"
_RETURNED = b"r"
"""The exit code follows in one byte."""

_pipe: tuple[int, int] | None = None
"""In the child, the descriptor that its marks are written to, and its inode."""


def begin_marking(descriptor: int) -> None:
    """Write marks to `descriptor` from now on, and that this process is alive, again and again."""
    global _pipe
    os.set_blocking(descriptor, False)
    _pipe = descriptor, fstat(descriptor).st_ino
    threading.Thread(target=_beat, name="heartbeat", daemon=True).start()


def is_child() -> bool:
    """Tell whether this process is such a child."""
    return _pipe is not None


def mark_exiting() -> None:
    """Let the parent know that this process exits on purpose."""
    _mark(_EXITING)


def mark_started() -> None:
    """Let the parent know that items run from now on."""
    _mark(_STARTED)


def mark_returned(code: int) -> None:
    """Let the parent know that the work is done, with this exit code."""
    _mark(_RETURNED + bytes([code]))


def leave() -> NoReturn:
    """End this process, and let the parent know that another one is to do its work."""
    _mark(_LEAVING)
    _exit(0)


def _mark(mark: bytes) -> bool:
    """Write to the parent; return whether it is there to read."""
    if _pipe is not None:
        descriptor, inode = _pipe
        try:
            if fstat(descriptor).st_ino == inode:  # a function may have closed it
                write(descriptor, mark)
        except BrokenPipeError:
            return False
        except OSError:
            pass
    return True


def _beat() -> None:
    while _mark(_ALIVE):
        sleep(BEAT_S)
    kill(os.getpid(), signal.SIGKILL)  # the parent is gone


class Marks:
    """What the child has said so far."""

    def __init__(self) -> None:
        self.has_started = False
        self.is_exiting = False
        self.is_leaving = False
        self.returned: int | None = None
        """The exit code, `None` before it has returned."""
        self._code_follows = False

    def add(self, marks: bytes) -> None:
        """Take note of what was read from the pipe."""
        for mark in marks:
            if self._code_follows:
                self.returned, self._code_follows = mark, False
            self._code_follows = mark == _RETURNED[0] and self.returned is None
            self.has_started |= mark == _STARTED[0]
            self.is_exiting |= mark == _EXITING[0]
            self.is_leaving |= mark == _LEAVING[0]
