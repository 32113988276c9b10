"""Tells a fault of this library from what a library that it calls raises at odd data."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

__all__ = ["is_own_fault"]

_OWN = str(Path(__file__).parent)
_FAULTS = (NameError, AttributeError, AssertionError, ImportError, NotImplementedError)
"""What code raises that is wrong itself."""


def is_own_fault(error: Exception) -> bool:
    """Tell whether an error is one of this library's code, and not of what it called."""
    return isinstance(error, _FAULTS) and _raised_in(error.__traceback__).startswith(_OWN)


def _raised_in(traceback: TracebackType | None) -> str:
    """Return the file whose code raised the error."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else traceback.tb_frame.f_code.co_filename
