"""Turns Ctrl-C, SIGTERM and SIGHUP into requests to stop, and makes sure the command ends."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from batchmap.command.child_marks import mark_exiting
from batchmap.command.stop_times import DRAIN_S, EXIT_S, STUCK
from batchmap.command.supervisor import RELAYED, SignalChannel
from batchmap.stopping import StopRequest, Urgency

__all__ = ["exit_now", "ignore_late_signals", "stop_on_signals"]


@contextmanager
def stop_on_signals(
    stop: StopRequest,
    *,
    announces: bool,
    channel: SignalChannel | None = None,
    before_exit: Callable[[int], object] = lambda code: None,
) -> Iterator[None]:
    """Let the first signal drain the run, the second give up what runs, the third exit at once.

    A supervisor hands on through `channel` the signals that it gets; one that went to both
    counts once. With `announces`, a line on stderr says that the first one was received. A run that
    does not end in bounded time is given up without a report, with exit code 128 + the signal's
    number, with which `before_exit` is called first.
    """
    watched = _watched()
    received = [0, 0]
    acted = 0

    def give_up(number: int, why: str = "") -> None:
        with suppress(Exception):
            before_exit(128 + number)
        exit_now(128 + number, why)

    def on_signal(number: int) -> None:
        nonlocal acted
        is_relayed, number = divmod(number, RELAYED)
        if number not in watched:  # a handler of the function's own
            return
        received[is_relayed] += 1
        while acted < max(received):
            acted += 1
            act_on(number, acted)

    def act_on(number: int, time: int) -> None:
        if time == 1:
            stop.request(Urgency.DRAIN, number)
            if announces:
                _print("stopping: running items may finish; once more gives them up")
            _after(DRAIN_S, lambda: stop.request(Urgency.KILL))
            _after(DRAIN_S + EXIT_S, lambda: give_up(number, STUCK))
        elif time == 2:
            stop.request(Urgency.KILL, number)
            _after(EXIT_S, lambda: give_up(number, STUCK))
        else:
            give_up(number)

    with _signals_in_thread(on_signal, channel or socket.socketpair()):
        before = {number: signal.signal(number, lambda *_: None) for number in watched}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def ignore_late_signals(code: int) -> None:
    """From now on, ignore one signal, for only Python's own clean-up is left; exit at another."""
    received = 0

    def on_signal(*_: object) -> None:
        nonlocal received
        received += 1
        if received > 1:
            exit_now(code)

    for number in _watched():
        signal.signal(number, on_signal)


def _watched() -> list[int]:
    """Return the signals that end a run, save those that the caller ignores (`nohup`)."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def _signals_in_thread(act: Callable[[int], None], channel: SignalChannel) -> Iterator[None]:
    """Call `act` in a thread with the number of each signal that has a handler, whosever.

    A handler itself runs in the main thread, which a signal does not wake from a wait when the
    kernel hands it to another thread.
    """
    read_end, write_end = channel
    write_end.setblocking(False)
    before = signal.set_wakeup_fd(write_end.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        with read_end:
            while numbers := read_end.recv(16):
                for number in numbers:
                    act(number)

    threading.Thread(target=listen, name="signals", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        write_end.close()


def exit_now(code: int, why: str = "") -> None:
    """End the process now, with the cursor back, whatever still runs."""
    if sys.stderr is not None and sys.stderr.isatty():
        with suppress(OSError):
            os.write(2, b"\x1b[?25h")
    if why:
        _print(why)
    mark_exiting()
    os._exit(code)


def _after(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def _print(message: str) -> None:
    """Write a line on stderr, safely even inside a signal handler."""
    with suppress(OSError):
        os.write(2, f"{message}\n".encode())
