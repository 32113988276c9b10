"""What items print goes to the caller's `sys.stdout` and `sys.stderr` where those were replaced.

By a notebook, say, by `contextlib.redirect_stdout`, or by a progress bar: such a stream is an
object in the caller's process, and what a worker writes to a copy of it is lost.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

__all__ = [
    "CallerStream",
    "flush_shared_streams",
    "forward_streams",
    "is_replaced",
    "print_forwarded",
]

NAMES = ("stdout", "stderr")


class CallerStream(io.TextIOBase):
    """Stands for the stream `name` that the caller has; sends text in whole lines where it can."""

    send: ClassVar[Callable[[bytes], None] | None] = None
    """Sends text to the caller; `None` in a process that an item forked."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._text: list[str] = []
        self._lock = threading.RLock()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return the encoding of what is sent."""
        return "utf-8"

    def writable(self) -> bool:
        """Return `True`."""
        return True

    def write(self, text: str, /) -> int:
        """Send the text, or keep it until a line ends."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self._lock:
            self._text.append(text)
            if "\n" in text:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Send what was kept."""
        with self._lock:
            text, self._text = "".join(self._text), []
        if not text:
            return
        send = type(self).send
        if send is not None:
            send(pickle.dumps((self._name, text)))
        else:
            os.write(1 + NAMES.index(self._name), text.encode(errors="backslashreplace"))


def is_replaced(name: str) -> bool:
    """Tell whether the standard stream `name` of this process is another one than at its start."""
    stream = getattr(sys, name)
    return stream is not None and stream is not getattr(sys, f"__{name}__")


def flush_shared_streams() -> None:
    """Write what this process has printed so far, before workers print to the same files."""
    for name in NAMES:
        stream = getattr(sys, name)
        if stream is not None and not is_replaced(name):
            with suppress(Exception):
                stream.flush()


def forward_streams(send: Callable[[bytes], None] | None) -> None:
    """Send what is printed to streams that the caller has replaced; with `None`, no more."""
    CallerStream.send = staticmethod(send) if send is not None else None
    for name in NAMES:
        if is_replaced(name) and not isinstance(getattr(sys, name), CallerStream):
            setattr(sys, name, CallerStream(name))


def print_forwarded(payload: bytes) -> None:
    """Print, in the caller, what a worker has printed."""
    with suppress(BaseException):  # the stream's own error, which would end what reads from workers
        name, text = pickle.loads(payload)
        stream = getattr(sys, name)
        stream.write(text)
        stream.flush()
