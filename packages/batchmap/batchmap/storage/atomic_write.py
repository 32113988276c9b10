"""Writes local files whole or not at all: as a draft, which then replaces the file.

The files of an output have a draft of one fixed name, so that the next run finds and removes what a
crash has left of it; the journal keeps two runs apart. Exports have no journal, hence drafts of
names that nobody else has.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from batchmap.storage.paths import is_stream

__all__ = ["DRAFT_PREFIX", "create_new", "draft_path", "replacing", "sync_directory", "write_whole"]

DRAFT_PREFIX = ".draft-"


def _umask() -> int:
    with suppress(OSError, ValueError, StopIteration):  # there it can be read without being set
        status = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("Umask:")).split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_UMASK = _umask()


def draft_path(target: Path, directory: Path) -> Path:
    """Return the path of the draft in `directory` that is to replace `target`."""
    return directory / f"{DRAFT_PREFIX}{target.name}"


@contextmanager
def replacing(target: Path, draft: Path, *, is_durable: bool = True) -> Iterator[BinaryIO]:
    """Open `draft` to be written; at the end it replaces `target`, whose permissions it gets.

    After an error the draft is removed and `target` is as it was. A draft that a crash has left is
    overwritten. `draft` must be on the file system of `target`. With `is_durable`, the new file
    survives a crash of the machine from then on.
    """
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(create_new(draft), "wb") as file:
            if target.exists():
                draft.chmod(stat.S_IMODE(target.stat().st_mode))
            yield file
            if is_durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(draft, target)
        if is_durable:
            sync_directory(target.parent)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def create_new(path: Path) -> int:
    """Create a file and return its descriptor, for writing.

    Its permissions are those that files of this process had when it began: the user's function may
    have changed the mask since. Raises `FileExistsError` where there is one.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o666 & ~_UMASK)
    return descriptor


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all.

    A link is followed. What is no regular file (`/dev/stdout`, a pipe) is written to, not replaced.
    Raises `OSError` when it cannot be written; what was there before then stays.
    """
    if is_stream(path):
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)
        return
    target = Path(os.path.realpath(path))
    draft = target.with_name(f".export-{os.urandom(6).hex()}")
    with replacing(target, draft, is_durable=False) as file:
        file.write(text.encode())


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable: files that were made, renamed or removed."""
    if os.name == "nt":  # there a directory cannot be opened
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot do this
            raise
    finally:
        os.close(handle)
