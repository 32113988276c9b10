"""The errors that are the user's to mend; `main` prints them without a traceback."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "InputError",
    "OutputError",
    "OutputHeldError",
    "TaskUnusableError",
    "UsageError",
    "WorkbookError",
    "WorkersLostError",
]


class WorkbookError(Exception):
    """One or more faults that the user can mend: a line each, and the exit code they call for."""

    exit_code = 2

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class UsageError(WorkbookError):
    """The command or the settings are wrong; nothing was read or written."""


class InputError(WorkbookError):
    """The input cannot be read."""

    exit_code = 3


class OutputError(WorkbookError):
    """An output cannot be written."""

    exit_code = 3


class OutputHeldError(WorkbookError):
    """Another run holds the output."""

    exit_code = 75


class WorkersLostError(WorkbookError):
    """The workers are gone and cannot be replaced."""

    exit_code = 3


class TaskUnusableError(WorkersLostError):
    """The function cannot be made ready in a worker, and no item is to blame for it."""
