"""Tells whether items that wait may wait for another side: a server, or another program.

Without a connection and without a child process, all that a function can wait for is a clock, a
disk or a lock, and no server's limit is to be found.
"""

from __future__ import annotations

import math
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.resources import queued_s

__all__ = ["OtherSideWatch", "may_have_other_side"]

_DESCRIPTORS, _TASKS = Path("/proc/self/fd"), Path("/proc/self/task")

LOOKS, LOOKED_FOR_S = 3, 0.01
"""So many looks, over so many seconds in which the process waits, have to see no other side."""

LOOK_EVERY_S, LATER_EVERY_S = 0.002, 0.25
"""How often it is looked, in seconds: at first, and once none was seen."""

WAITS_BELOW_CORES = 0.5
"""The process waits while it keeps less than this of a core busy, or would if it had one."""


def _wanted_s() -> float:
    """Return how long this process has computed or queued for a core, in seconds.

    What queues while other programs have the cores, as a client does that is still to connect, does
    not wait.
    """
    try:
        queued = sum(queued_s(int(task.name)) for task in _TASKS.iterdir())
    except OSError:
        queued = 0.0
    return time.process_time() + queued


class OtherSideWatch:
    """Looks now and then, while items run, whether there may be another side."""

    def __init__(
        self,
        *,
        clock: Clock = SYSTEM_CLOCK,
        wanted_s: Callable[[], float] = _wanted_s,
        may_be_there: Callable[[], bool] | None = None,
    ) -> None:
        self.is_there: bool | None = None
        """`None` while that is open."""
        self._clock = clock
        self._wanted_s = wanted_s
        self._may_be_there = may_be_there or may_have_other_side
        self._num_looks = 0
        self._since_s = self._next_s = clock.now()
        self._wanted_before_s = 0.0

    def look(self, *, has_waited: bool = False) -> None:
        """Look, if it is time to; at once where an item that runs `has_waited` for some time."""
        now_s = self._clock.now()
        if self.is_there or (now_s < self._next_s and not has_waited):
            return
        if self._may_be_there():
            self.is_there = True
            return
        if self.is_there is None and (has_waited or self._have_waited(now_s)):
            self.is_there = False
        self._next_s = now_s + (LOOK_EVERY_S if self.is_there is None else LATER_EVERY_S)

    def _have_waited(self, now_s: float) -> bool:
        """Tell whether it was looked often enough while the process waited."""
        wanted_s = self._wanted_s()
        busy_s = WAITS_BELOW_CORES * (now_s - self._since_s)
        if not self._num_looks or wanted_s - self._wanted_before_s > busy_s:
            self._num_looks, self._since_s, self._wanted_before_s = 0, now_s, wanted_s
        self._num_looks += 1
        return self._num_looks >= LOOKS and now_s - self._since_s >= LOOKED_FOR_S

    def note_refusal(self) -> None:
        """Note that somebody has refused an item."""
        self.is_there = True

    @property
    def look_again_s(self) -> float:
        """In how many seconds it is to be looked again; infinite when it is known."""
        if self.is_there:
            return math.inf
        return max(0.0, self._next_s - self._clock.now())


def may_have_other_side() -> bool:
    """Return whether this process has a connection or a child; true where that is unknown."""
    try:
        descriptors = [int(entry.name) for entry in _DESCRIPTORS.iterdir()]
    except OSError:
        return True
    return any(map(_is_connection, descriptors)) or _has_child()


def _is_connection(descriptor: int) -> bool:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return False
        copy = os.dup(descriptor)  # of which no other thread closes it meanwhile
    except OSError:  # it is closed by now
        return False
    import socket  # which takes a while to load, and most functions that compute need none

    try:
        opened = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return True
    with opened:
        if opened.family in (socket.AF_INET, socket.AF_INET6):
            return not opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        try:
            return bool(opened.getpeername())  # a pair of sockets has no names
        except OSError:  # it listens
            return False


def _has_child() -> bool:
    """Tell whether the process has a child beside the server that our worker processes fork from.

    That one stays when its workers have ended.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    client = sys.modules.get("batchmap.executors.process.fork_client")
    return client is None or bool(_children() - {str(client.server_pid())})


def _children() -> set[str]:
    """Return the process ids of all children, whichever thread has started them."""
    found: set[str] = set()
    for task in _TASKS.iterdir():
        try:
            found.update((task / "children").read_text().split())
        except OSError:  # the thread has ended by now
            continue
    return found
