"""Lets workers share the resource tracker of `multiprocessing` that their caller has.

It removes shared memory that nobody has unlinked when the last process of a program ends. With one
of its own, a worker would take what it has made along. To start one for every pool would be slow
and seldom of use, so it is started with the first thing that a worker has to tell.
"""

from __future__ import annotations

import os
from multiprocessing import resource_tracker
from typing import Any

from batchmap.executors.process.sockets import above_standard

__all__ = ["TrackerRelay"]


class TrackerRelay:
    """Passes on what workers tell the resource tracker."""

    def __init__(self) -> None:
        """Raises `OSError` where there are no more descriptors."""
        tracker: Any = resource_tracker._resource_tracker
        self.receiver: int | None = None
        """Is readable when there is something to pass on; `None` where workers tell it directly."""
        self._text = b""
        if tracker._fd is None:
            self.receiver, sender = map(above_standard, os.pipe())
            os.set_blocking(self.receiver, False)
        else:  # a copy: from Python 3.14 on, a fork closes its own
            sender = os.dup(tracker._fd)
        self.sender = sender
        """Where workers tell it."""

    def pass_on(self) -> None:
        """Pass on what workers have told so far."""
        if self.receiver is None:
            return
        try:
            self._text += os.read(self.receiver, 1 << 16)
        except BlockingIOError:
            return
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            if b"PROBE" not in line[:20]:  # it is only asked whether it is there
                tracker: Any = resource_tracker
                os.write(tracker.getfd(), line + b"\n")

    def close(self) -> None:
        """Pass the rest on, and close the pipe."""
        self.pass_on()
        os.close(self.sender)
        if self.receiver is not None:
            os.close(self.receiver)
