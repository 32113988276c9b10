"""Runs the command's work in a child process, for a function may end the process it runs in.

It does so by `os._exit`, by a segmentation fault, by taking all memory. That must cost the item,
and not the command.

    parent: supervise() ---- fork ---> child: act(channel)
       |  ^                               |
       |  +------- marks (a pipe) --------+   has begun, exits on purpose, has returned
       +---------- signals (a socket) ---->
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

__all__ = ["RELAYED", "SignalChannel", "mark_exiting", "mark_started", "supervise"]

RELAYED = 128
"""Added to the number of a signal that the parent got and handed on."""

_PR_SET_PDEATHSIG = 1

SignalChannel = tuple[socket.socket, socket.socket]
"""What signals' numbers are read from, and what they are written to."""

_STARTED = b"u"
_EXITING = b"x"
_RETURNED = b"r"
"""The exit code follows in one byte."""

_marks_fd: int | None = None
"""In the child, the descriptor that its marks are written to."""


def supervise(
    act: Callable[[SignalChannel | None], int], *, when_ended: Callable[[int, bool], None]
) -> int:
    """Return what `act` returns, run in a child process where there is such a thing.

    In the child this returns, or raises, what `act` does; in the parent it returns the child's exit
    code. When the child ended without either, and nobody had sent a signal, `when_ended` gets its
    exit code (negative: the signal) and whether items had begun to run. It may raise; else a new
    child tries again. `act` gets the channel by which signals to the parent reach the child.
    """
    if not hasattr(os, "fork") or sys.platform == "win32":
        return act(None)
    while True:
        channel = socket.socketpair()
        marks_read, marks_write = os.pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if not child:
            os.close(marks_read)
            return _in_child(act, channel, marks_write, parent)
        os.close(marks_write)
        code, signals = _in_parent(child, channel)
        os.set_blocking(marks_read, False)  # what the child started may hold the other end
        try:
            marks = os.read(marks_read, 16)
        except BlockingIOError:
            marks = b""
        os.close(marks_read)
        last = marks.removeprefix(_STARTED)
        if last.startswith(_RETURNED):  # whatever became of it after that
            return last[1]
        if last or signals:
            return code if code >= 0 else 128 - code
        when_ended(code, marks == _STARTED)


def mark_exiting() -> None:
    """Let the parent know that this process exits on purpose."""
    _mark(_EXITING)


def mark_started() -> None:
    """Let the parent know that items run from now on."""
    _mark(_STARTED)


def _mark(mark: bytes) -> None:
    if _marks_fd is not None:
        with suppress(OSError):
            os.write(_marks_fd, mark)


def _in_child(
    act: Callable[[SignalChannel | None], int], channel: SignalChannel, marks_fd: int, parent: int
) -> int:
    global _marks_fd
    _marks_fd = marks_fd
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it has been killed in the meantime
            os._exit(1)
    try:
        code = act(channel)
    except BaseException:
        mark_exiting()
        raise
    _mark(_RETURNED + bytes([code]))
    return code


def _in_parent(child: int, channel: SignalChannel) -> tuple[int, int]:
    """Wait for the child and hand signals on; return its exit code and how many those were."""
    child_end, parent_end = channel
    child_end.close()
    parent_end.setblocking(False)
    relayed = 0

    def relay(number: int, _: object) -> None:
        nonlocal relayed
        relayed += 1
        with suppress(OSError):
            parent_end.send(bytes([RELAYED + number]))

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    before = {
        number: signal.signal(number, relay)
        for number in (getattr(signal, name) for name in names)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        _, status = os.waitpid(child, 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        parent_end.close()
    return os.waitstatus_to_exitcode(status), relayed
