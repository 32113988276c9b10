"""Runs the command's work in a child process, for a function may end or hold its process.

It does so by `os._exit`, by a segmentation fault, by taking all memory, or by code that gives no
other thread a turn, so that neither a time limit nor Ctrl-C reaches it.

    parent: supervise() ---- fork ---> child: act(channel)
       |  ^                               |
       |  +------- marks (a pipe) --------+   is alive, has begun, exits on purpose, has returned
       +---------- signals (a socket) ---->
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from batchmap.command.child_marks import BEAT_S, Marks, begin_marking, mark_exiting, mark_returned
from batchmap.command.stop_times import DRAIN_S, EXIT_S, STUCK

__all__ = ["RELAYED", "Ending", "SignalChannel", "supervise"]

RELAYED = 128
"""Added to the number of a signal that the parent got and handed on."""

SILENCE_GRACE_S = 2.0
"""By how much a child may be silent for longer than an item may take."""

_PR_SET_PDEATHSIG = 1

SignalChannel = tuple[socket.socket, socket.socket]
"""What signals' numbers are read from, and what they are written to."""


class Ending(NamedTuple):
    """How a child ended that neither returned nor was told to."""

    code: int
    """Its exit code; negative: the signal that ended it."""
    had_started: bool
    """Whether items had begun to run."""
    was_silent: bool
    """Whether it was killed because it held all of its threads for too long."""
    left: bool = False
    """Whether it ended on purpose, to leave its work to another child."""


def supervise(
    act: Callable[[SignalChannel | None], int],
    *,
    when_ended: Callable[[Ending], None],
    silence_limit_s: Callable[[], float | None],
) -> int:
    """Return what `act` returns, run in a child process where there is such a thing.

    In the child this returns, or raises, what `act` does; in the parent it returns the child's exit
    code. When the child ended without either, and nobody had sent a signal, `when_ended` gets to
    know. It may raise; else a new child tries again. A child whose items run and which is silent
    for longer than `silence_limit_s` (`None`: for ever) is killed. So it is on a third signal, and
    when it does not answer to the first ones. `act` gets the channel by which signals to the parent
    reach the child.
    """
    if not hasattr(os, "fork") or sys.platform == "win32":
        return act(None)
    while True:
        channel = socket.socketpair()
        marks_read, marks_write = os.pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        # Where the caller ignores it, nobody would keep the child's exit code.
        on_child = signal.signal(signal.SIGCHLD, lambda *_: None)
        # Python would tell of an interruption of what runs in a new child before anything else.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            child = os.fork()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if not child:
            signal.signal(signal.SIGCHLD, on_child)
            os.close(marks_read)
            return _in_child(act, channel, marks_write, parent)
        os.close(marks_write)
        try:
            guard = _Guard(child, channel, marks_read, silence_limit_s())
            code = guard.wait()
        finally:
            signal.signal(signal.SIGCHLD, on_child)
            os.close(marks_read)
        marks = guard.marks
        if marks.returned is not None:  # whatever became of it after that
            return marks.returned
        if guard.exit_code is not None:
            return guard.exit_code
        if marks.is_exiting or guard.signals:
            return code if code >= 0 else 128 - code
        when_ended(Ending(code, marks.has_started, guard.was_silent, marks.is_leaving))


def _in_child(
    act: Callable[[SignalChannel | None], int], channel: SignalChannel, marks_fd: int, parent: int
) -> int:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it has been killed in the meantime
            os._exit(1)
    begin_marking(marks_fd)
    try:
        code = act(channel)
    except BaseException:
        mark_exiting()
        raise
    mark_returned(code)
    return code


class _Guard:
    """Waits for the child, hands signals on to it, and kills it where it does not answer."""

    def __init__(
        self, child: int, channel: SignalChannel, marks_read: int, silence_limit_s: float | None
    ) -> None:
        self._child = child
        self._channel = channel
        self._marks_read: int | None = marks_read
        self._silence_limit_s = silence_limit_s
        self._silent_s = 0.0
        self.marks = Marks()
        self.signals = 0
        """How many signals were handed on."""
        self.exit_code: int | None = None
        """What the command exits with, where the child was killed for signals that it got."""
        self.was_silent = False
        self._number = 0

    def wait(self) -> int:
        """Return the child's exit code once it has ended; negative: the signal."""
        child_end, parent_end = self._channel
        child_end.close()
        parent_end.setblocking(False)
        with parent_end, self._relaying(parent_end) as wake_up:
            while (status := self._status()) is None:
                self._read_marks(wake_up)
                self._kill_where_due()
        self._read_marks(None)
        return os.waitstatus_to_exitcode(status)

    def _status(self) -> int | None:
        child, status = os.waitpid(self._child, os.WNOHANG)
        return status if child else None

    def _read_marks(self, wake_up: socket.socket | None) -> None:
        """Read what the child says; with `wake_up`, wait for it for a moment, or for a signal."""
        waited_for = [one for one in (self._marks_read, wake_up) if one is not None]
        before_s = time.monotonic()
        ready, _, _ = select.select(waited_for, [], [], 0 if wake_up is None else BEAT_S)
        if wake_up in ready and wake_up is not None:
            wake_up.recv(4096)
        marks = b""
        if self._marks_read in ready and self._marks_read is not None:
            marks = os.read(self._marks_read, 4096)
            if not marks:  # a function has closed it
                self._marks_read = None
            self.marks.add(marks)
        if marks or self._marks_read is None:
            self._silent_s = 0.0
        else:  # time for which both were suspended does not count
            self._silent_s += min(time.monotonic() - before_s, 2 * BEAT_S)

    def _kill_where_due(self) -> None:
        silence_limit_s = self._silence_limit_s
        if self.exit_code is not None or self.was_silent:
            return
        if self.signals > 2:
            self._kill(STUCK if self._silent_s > 2 * BEAT_S else "")
        elif self.signals and self._silent_s > (DRAIN_S if self.signals == 1 else 0.0) + EXIT_S:
            self._kill(STUCK)
        elif (
            silence_limit_s is not None
            and self.marks.has_started
            and self._silent_s > silence_limit_s + SILENCE_GRACE_S
        ):
            self.was_silent = True
            self._kill_tree()

    def _kill(self, why: str) -> None:
        self.exit_code = 128 + self._number
        self._kill_tree()
        if sys.stderr.isatty():
            os.write(2, b"\x1b[?25h")  # the cursor, which a progress bar hides
        if why:
            print(why, file=sys.stderr)

    def _kill_tree(self) -> None:
        """Kill the child, and what its items have started."""
        from batchmap.executors.process.process_tree import kill_trees

        kill_trees([self._child])

    @contextmanager
    def _relaying(self, parent_end: socket.socket) -> Iterator[socket.socket]:
        """Hand signals on to the child; yield what there is something to read from after one."""

        def relay(number: int, _: object) -> None:
            self.signals += 1
            self._number = self._number or number
            with suppress(OSError):
                parent_end.send(bytes([RELAYED + number]))

        names = ("SIGINT", "SIGTERM", "SIGHUP")
        before = {
            number: signal.signal(number, relay)
            for number in (getattr(signal, name) for name in names)
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        read_end, write_end = socket.socketpair()
        write_end.setblocking(False)
        woken = signal.set_wakeup_fd(write_end.fileno(), warn_on_full_buffer=False)
        try:
            with read_end, write_end:
                yield read_end
                signal.set_wakeup_fd(woken)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
