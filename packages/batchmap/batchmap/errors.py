"""The errors that are the user's to mend; `main` prints them without a traceback."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "BatchmapError",
    "InputError",
    "OutputError",
    "OutputHeldError",
    "TaskUnusableError",
    "UsageError",
    "WorkersLostError",
]


class BatchmapError(Exception):
    """One or more faults that the user can mend: a line each, and the exit code they call for."""

    exit_code = 2

    def __init__(self, messages: str | Sequence[str]) -> None:
        self.messages = (messages,) if isinstance(messages, str) else tuple(messages)
        super().__init__("\n".join(self.messages))


class UsageError(BatchmapError):
    """The command or the settings are wrong; nothing was read or written."""


class InputError(BatchmapError):
    """The input cannot be read."""

    exit_code = 3


class OutputError(BatchmapError):
    """An output cannot be written."""

    exit_code = 3


class OutputHeldError(BatchmapError):
    """Another run holds the output."""

    exit_code = 75


class WorkersLostError(BatchmapError):
    """The workers are gone and cannot be replaced."""

    exit_code = 3


class TaskUnusableError(WorkersLostError):
    """The function cannot be made ready in a worker, and no item is to blame for it."""
