"""Why an output cannot be written, and what helps."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchmap.errors import BatchmapError, OutputError
from batchmap.foreign_errors import is_own_fault
from batchmap.storage import Location
from batchmap.text import printable

__all__ = ["changed_meanwhile", "not_what_was_written", "output_errors", "real_path"]

_RESUME = "run the same command with {resume}"
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def output_errors(path: Location) -> Iterator[None]:
    """Turn an error inside into an `OutputError` that says what helps.

    That is an `OSError`, or what a library raises for a format; no fault of this library.
    """
    try:
        yield
    except OSError as error:
        why, advice = _why_and_advice(error)
        raise OutputError(f"{printable(f'{path}')}: {why}", advice=advice) from error
    except BatchmapError:
        raise
    except Exception as error:
        if is_own_fault(error):
            raise
        why = printable(" ".join(f"{type(error).__name__}: {error}".split()))
        raise OutputError(
            f"{printable(f'{path}')}: cannot be written ({why:.300})",
            advice="{output_format:jsonl} takes any values",
        ) from error


def changed_meanwhile(path: Location, what: str) -> OutputError:
    """Return the error for an output to which `what` happened while it was written."""
    return OutputError(
        f"{printable(f'{path}')}: {what} while it was written",
        advice=f"leave it alone and {_RESUME}, which does again what is lost",
    )


def not_what_was_written(path: Location, start: int = 0, end: int = 0) -> OutputError:
    """Return the error for an output that was changed after its run: its bytes `start` to `end`.

    Without an end, it is not known where.
    """
    back = "{overwrite} begins anew"
    if start:
        back = f"cut it there (truncate -s {start}) and {{resume}} does the rest again, or {back}"
    what = f"its bytes {start} to {end} are" if end else "is"
    return OutputError(
        f"{printable(f'{path}')}: {what} not what the run wrote",
        advice=f"bring them back; or {back}",
    )


def real_path(path: Path) -> Path:
    """Return `path` with all links followed; raises `OutputError` when that cannot be done."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:  # no current directory; a NUL in the name
        why = getattr(error, "strerror", None) or error
        raise OutputError(f"{printable(f'{path}')}: {why}; name another file") from error


def _why_and_advice(error: OSError) -> tuple[str, str]:
    number = error.errno
    if number in _FULL:
        return "disk full", f"make room and {_RESUME}"
    why = os.strerror(number) if number else printable(str(error)) or type(error).__name__
    if number == errno.EISDIR:
        return "that is a directory", "name a file in it"
    advice = f"fix that and {_RESUME}"
    if number == errno.EFBIG:
        advice = f"raise the limit (ulimit -f) and {_RESUME}"
    elif number in _FORBIDDEN:
        advice = "name a file that you may write"
    elif number in (errno.ENOENT, errno.ENOTDIR):
        advice = "check the path"
    return f"cannot be written ({why})", advice
