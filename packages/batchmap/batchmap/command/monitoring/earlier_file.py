"""What a file holds that is to be replaced, whatever becomes of the command: of an earlier one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from batchmap.errors import UsageError
from batchmap.storage import is_stream

__all__ = ["earlier_text"]

MAX_BYTES = 1 << 20
"""No file that a command has written is as long."""


def earlier_text(path: Path, *, option: str, what: str, is_one: Callable[[str], bool]) -> str:
    """Return what an earlier command has left in the file at `path`, empty where there is none.

    Raises `UsageError` for a file that holds no `what`, as `is_one` tells of its text: a
    command that fails, even for the input that it was given, must not replace that by mistake.
    """
    if is_stream(path) or not path.exists():
        return ""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode()
        is_ours = not text or is_one(text)
    except (OSError, ValueError):  # it cannot be read, or is no text
        is_ours = False
    if not is_ours:
        raise UsageError(
            f"{path}: exists and holds no {what}; name another file, or remove it", option=option
        )
    return text
