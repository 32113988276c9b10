"""What makes a process that was just forked a worker, and ends it."""

from __future__ import annotations

import atexit
import mmap
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing import util as mp_util
from typing import Any, NamedTuple, NoReturn

from batchmap.executors.process.caller_state import restore_state
from batchmap.executors.process.framing import Kind, receive_frame
from batchmap.executors.process.spawn import BLOCKED_SIGNALS
from batchmap.executors.process.worker_main import WorkerSettings, work

__all__ = ["WorkerDescriptors", "end_with", "enter_forked_worker", "enter_served_worker", "preload"]

_util: Any = mp_util

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

PARENT_CHECK_S = 0.5
"""How often a worker looks whether its parent is there, where the system does not tell it."""


class WorkerDescriptors(NamedTuple):
    """The file descriptors that the server hands to a worker."""

    socket: int
    running: int
    """The memory in which it notes the item that runs."""
    directory: int
    """The working directory, which may have been removed."""
    stdout: int
    stderr: int
    tracker: int
    """Takes what is to be told to the caller's resource tracker."""


def enter_forked_worker(
    sock: socket.socket, running: Any, settings: WorkerSettings, *, caller: int, tracker: int
) -> NoReturn:
    """Be a worker in a fork of the process `caller`, and end."""

    def act() -> None:
        with suppress(ValueError, OSError):
            signal.set_wakeup_fd(-1)  # the caller's event loop reads it
        _name_process(settings)
        if sys.__stdin__ is not None and not sys.__stdin__.closed:  # else 0 may be another file
            _read_nothing(sys.__stdin__.fileno())
        _reseed()
        _run(sock, running, settings)

    _live_as_worker(act, parent=caller, caller=caller, tracker=tracker)


def enter_served_worker(descriptors: WorkerDescriptors, *, server: int, caller: int) -> NoReturn:
    """Be a worker in a fork of the server, and end."""

    def act() -> None:
        os.fchdir(descriptors.directory)
        os.close(descriptors.directory)
        _open_standard_streams(descriptors)
        sock = socket.socket(fileno=descriptors.socket)
        sock.settimeout(None)
        frame = receive_frame(sock)
        if frame is None:  # the pool has been shut down
            return
        settings, state = WorkerSettings.unpickled(frame.payload)
        _name_process(settings)
        running = mmap.mmap(descriptors.running, 0)
        os.close(descriptors.running)
        assert frame.kind is Kind.STATE
        restore_state(state)
        _run(sock, running, settings)

    _live_as_worker(act, parent=server, caller=caller, tracker=descriptors.tracker)


def _run(sock: socket.socket, running: Any, settings: WorkerSettings) -> None:
    if settings.has_time_limit and sys.platform == "linux":
        # What an item's programs leave behind stays below this worker, and ends with it.
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    work(sock, running, settings)


def _live_as_worker(
    act: Callable[[], None],
    *,
    parent: int,
    caller: int,
    tracker: int,
) -> NoReturn:
    """Act, and end as processes of `multiprocessing` do: threads of items are waited for."""
    code = 1
    try:
        atexit._clear()
        atexit.register(_util._exit_function)
        _ignore_group_signals()
        end_with(parent)
        tracker_here: Any = resource_tracker._resource_tracker
        tracker_here._fd, tracker_here._pid = tracker, None
        process: Any = multiprocessing.Process(target=act)
        process._parent_pid = caller
        code = process._bootstrap(parent_sentinel=_sentinel(caller))
        atexit._run_exitfuncs()
        _util._flush_std_streams()
    finally:
        os._exit(code)


def _name_process(settings: WorkerSettings) -> None:
    """Tell the workers of a pool apart, as those of `multiprocessing` are."""
    process: Any = multiprocessing.current_process()
    process.name = settings.name
    process._identity = (*process._identity[:-1], settings.number + 1)


def _sentinel(caller: int) -> int | None:
    """Return a descriptor that becomes readable when the caller has ended."""
    with suppress(AttributeError, OSError):  # it is not there, or there are too many
        return os.pidfd_open(caller)
    return None


def _read_nothing(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, descriptor)
    os.close(null)


def _open_standard_streams(descriptors: WorkerDescriptors) -> None:
    """Print to where the caller does."""
    for number, descriptor in ((1, descriptors.stdout), (2, descriptors.stderr)):
        os.dup2(descriptor, number)
        os.close(descriptor)


def _reseed() -> None:
    """Give NumPy's global generator a stream of its own, as Python's has after a fork."""
    if (random := sys.modules.get("numpy.random")) is not None:
        random.seed()


def _ignore_group_signals() -> None:
    """Ignore signals to the group, by handlers: programs started here do not inherit those."""
    for number in BLOCKED_SIGNALS:
        signal.signal(number, _ignore)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED_SIGNALS)


def _ignore(*_: object) -> None:
    pass


def end_with(parent: int) -> None:
    """Be killed when the parent ends, even when it is killed, and whatever the function does."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_S)
        os._exit(1)

    threading.Thread(target=watch, name="parent-monitor", daemon=True).start()


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, value)


def preload() -> None:
    """Import, before the first fork, what each worker would else import."""
    import ctypes  # noqa: F401  # not where this module is imported: it takes some milliseconds
