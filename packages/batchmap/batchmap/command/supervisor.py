"""Lets a part of the command run in a child of its own, and again when something ended that.

A function may end the process that it runs in: by `os._exit`, by a segmentation fault, by taking
all memory. Items that run in place or in threads would take the command with them.
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
"""Added to the number of a signal that the guard got and handed on."""

_PR_SET_PDEATHSIG = 1

SignalChannel = tuple[socket.socket, socket.socket]
"""What signals' numbers are read from, and what they are written to."""

_STARTED = b"u"
_LEFT = b"x"
_RETURNED = b"r"
"""The exit code follows in one byte."""

_marks: int | None = None
"""In the child, where its marks go."""


def supervise(
    act: Callable[[SignalChannel | None], int], *, when_ended: Callable[[int, bool], None]
) -> int:
    """Return what `act` returns, run in a child process where there is such a thing.

    This returns, or raises what `act` raises, in the child, and returns the child's exit code in
    the parent. When the child ended without either, and nobody had sent a signal, `when_ended` gets
    its exit code (negative: the signal), and whether it was in flight; a new child tries again,
    unless that raises. `act` gets the channel by which signals to the parent reach the child.
    """
    if not hasattr(os, "fork") or sys.platform == "win32":
        return act(None)
    while True:
        channel = socket.socketpair()
        left_read, left_write = os.pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if not child:
            os.close(left_read)
            return _in_child(act, channel, left_write, parent)
        os.close(left_write)
        code, signals = _in_parent(child, channel)
        os.set_blocking(left_read, False)  # what the child started may hold the other end
        try:
            marks = os.read(left_read, 16)
        except BlockingIOError:
            marks = b""
        os.close(left_read)
        end = marks.removeprefix(_STARTED)
        if end.startswith(_RETURNED):  # whatever became of it after that
            return end[1]
        if end or signals:
            return code if code >= 0 else 128 - code
        when_ended(code, marks == _STARTED)


def mark_exiting() -> None:
    """Let the guard know that this process ends because it means to."""
    _mark(_LEFT)


def mark_started() -> None:
    """Let the guard know that items run from now on."""
    _mark(_STARTED)


def _mark(mark: bytes) -> None:
    if _marks is not None:
        with suppress(OSError):
            os.write(_marks, mark)


def _in_child(
    act: Callable[[SignalChannel | None], int], channel: SignalChannel, left: int, parent: int
) -> int:
    global _marks
    _marks = left
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
    ours, theirs = channel
    ours.close()
    theirs.setblocking(False)
    relayed = 0

    def relay(number: int, _: object) -> None:
        nonlocal relayed
        relayed += 1
        with suppress(OSError):
            theirs.send(bytes([RELAYED + number]))

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
        theirs.close()
    return os.waitstatus_to_exitcode(status), relayed
