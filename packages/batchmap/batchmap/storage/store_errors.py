"""What the libraries of stores raise, as an `OSError` of one line."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from batchmap.errors import BatchmapError
from batchmap.storage.secrets import without_secrets

__all__ = ["cause_of_not_found", "store_errors", "why_failed"]

MAX_MESSAGE_CHARACTERS = 300


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what a store's library raises into an `OSError` of one line."""
    try:
        yield
    except (OSError, ImportError, BatchmapError):
        raise
    except Exception as error:
        raise OSError(why_failed(Exception(f"{type(error).__name__}: {error}"))) from error


def why_failed(error: Exception) -> str:
    """Return the message of an error in one short line, or its type where it has no message."""
    message = " ".join(str(error).split())[:MAX_MESSAGE_CHARACTERS]
    return without_secrets(message) or type(error).__name__


def cause_of_not_found(error: FileNotFoundError) -> OSError:
    """Return the error that `error` stands for: fsspec reports any of a web server as this one."""
    cause = error.__cause__
    status = getattr(cause, "status", None)
    if status == 0:  # no answer at all
        return OSError(type(cause).__name__)
    if status not in (None, 404, 410):
        return OSError(f"the server answered {status} {getattr(cause, 'message', '')}".strip())
    if status is None and isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
        return OSError(why_failed(cause))
    return FileNotFoundError(errno.ENOENT, "there is no such file")
