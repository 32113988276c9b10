"""How the command line shows an error of the library: the flags it names, and its exit code."""

from __future__ import annotations

from batchmap.errors import (
    BatchmapError,
    InputError,
    OutputError,
    OutputHeldError,
    UsageError,
    WorkersLostError,
)

__all__ = ["STOPPED", "exit_code_of", "flag_of", "flag_spelling", "sync_spelling"]

STOPPED = 4
"""The exit code of a run that ended early, for so many failures or as its function asked for it."""

_EXIT_CODES: dict[type[BatchmapError], int] = {
    UsageError: 2,
    InputError: 3,
    OutputError: 3,
    WorkersLostError: 3,
    OutputHeldError: 75,
}


def exit_code_of(error: BatchmapError) -> int:
    """Return the exit code that an error calls for."""
    return next(code for kind, code in _EXIT_CODES.items() if isinstance(error, kind))


def flag_of(keyword: str) -> str:
    """Return the long flag of an option: its keyword without the unit."""
    name = keyword.removesuffix("_s").removesuffix("_bytes")
    return "--" + name.replace("_", "-")


def sync_spelling(keyword: str, value: str | None) -> str:
    """Return the same for a command that syncs, which goes on by itself and is not resumed."""
    return flag_spelling("sync" if keyword == "resume" else keyword, value)


def flag_spelling(keyword: str, value: str | None) -> str:
    """Return how an option is written on the command line, with its value where it takes one."""
    return f"{flag_of(keyword)} {value}" if value else flag_of(keyword)
