"""Lets a process that an item forks be a process of the item, and no worker."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from batchmap.executors.process.forwarding import forward_no_more
from batchmap.executors.process.item_monitor import SharedMemoryMonitor
from batchmap.executors.process.spawn import BLOCKED_SIGNALS

__all__ = ["prepare_forks"]


def prepare_forks(sock: socket.socket, monitor: SharedMemoryMonitor) -> None:
    """Have each fork of this worker give up the worker's socket, monitor and signal handlers."""
    mask_before: set[Any] = set()
    is_worker = True

    def before() -> None:
        # What the child is sent before it has its own handlers must not be ignored by ours.
        nonlocal mask_before
        if is_worker:
            mask_before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED_SIGNALS)

    def in_worker() -> None:
        if is_worker:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask_before)

    def in_child() -> None:
        nonlocal is_worker
        if not is_worker:  # a fork of a fork
            return
        is_worker = False
        sock.close()
        monitor.release()
        forward_no_more()
        for number in BLOCKED_SIGNALS:
            usual: Callable[..., Any] | int = signal.SIG_DFL
            if number == signal.SIGINT:
                usual = signal.default_int_handler
            with suppress(ValueError):  # not in the main thread
                signal.signal(number, usual)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask_before)

    os.register_at_fork(before=before, after_in_parent=in_worker, after_in_child=in_child)
