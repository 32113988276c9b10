"""Warnings of items are shown where the caller shows its own: in its process.

    worker: warnings.warn -> showwarning -> a frame -> caller: showwarning

The caller may record them, as `warnings.catch_warnings(record=True)` and pytest do, or show them in
a way of its own: what a worker did with a copy of that would be lost. What is filtered out, or
raised as an error, is so in the worker.
"""

from __future__ import annotations

import pickle
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from batchmap.exception_pickling import pickled_exception, unpickled_exception
from batchmap.executors.process.caller_logging import captures_warnings

__all__ = ["forward_warnings", "show_forwarded"]


def forward_warnings(send: Callable[[bytes], None] | None) -> None:
    """Send the warnings that are to be shown; with `None`, write them to stderr.

    Where the caller has its warnings logged, they are, and travel as log records.
    """
    if captures_warnings():
        return

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        shown = message if isinstance(message, Warning) else category(message)
        text = warnings.formatwarning(shown, category, filename, lineno, line)
        if send is None or file is not None:
            _write(file, text)
        else:
            send(pickle.dumps((pickled_exception(shown), filename, lineno, line, text)))

    warnings.showwarning = show


def show_forwarded(payload: bytes) -> None:
    """Show, in the caller, a warning of a worker: as text where it does not come back as it was."""
    with suppress(BaseException):  # of what shows them, which would end what reads from workers
        data, filename, lineno, line, text = pickle.loads(payload)
        message: Any = None if data is None else unpickled_exception(data)
        if isinstance(message, Warning):
            warnings.showwarning(message, type(message), filename, lineno, None, line)
        else:
            _write(None, text)


def _write(file: TextIO | None, text: str) -> None:
    stream = sys.stderr if file is None else file
    if stream is not None:
        with suppress(OSError):
            stream.write(text)
