"""The numbered part files of an output that is a directory; other files there are nobody's of ours.

OUTPUT/part-000001.jsonl, OUTPUT/part-000002.jsonl, …
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from batchmap.storage.atomic_write import sync_directory

__all__ = [
    "MAX_PARTS",
    "has_entries",
    "make_directory",
    "move_parts",
    "part_name",
    "parts_in",
    "remove_file",
    "remove_parts",
    "take_permissions",
]

MAX_PARTS = 999_999
"""The names of more would not be in the order of their numbers."""

_part = re.compile(r"part-(\d{6})(\.parquet|\.(?:jsonl|csv|tsv)(?:\.gz|\.zst)?)").fullmatch


def part_name(number: int, suffix: str) -> str:
    """Return the name of a part file, whose number counts from 1."""
    return f"part-{number:06}{suffix}"


def parts_in(directory: Path, suffix: str) -> dict[int, Path]:
    """Return the part files with a suffix, by number and in their order; none without directory."""
    found = {}
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in directory.iterdir():
            if (match := _part(path.name)) and match[2] == suffix:
                found[int(match[1])] = path
    return dict(sorted(found.items()))


def has_entries(directory: Path) -> bool:
    """Tell whether there is anything in a directory."""
    return any(True for _ in directory.iterdir())


def make_directory(directory: Path) -> None:
    """Make a directory, durably, where there is none."""
    if not directory.is_dir():
        directory.mkdir()
        sync_directory(directory.parent)


def remove_file(path: Path) -> None:
    """Remove a file, durably, that is to become a directory; a directory stays."""
    if path.is_file():
        path.unlink()
        sync_directory(path.parent)


def remove_parts(directory: Path, kept: Container[int] = (), suffix: str | None = None) -> None:
    """Remove the part files, durably, but those of the numbers `kept` that have the suffix.

    Without one, those of any suffix are removed, as of an output that is dropped.
    """
    is_changed = False
    for path in sorted(directory.iterdir(), reverse=True):
        match = _part(path.name)
        is_kept = match and int(match[1]) in kept
        if match and not is_kept and suffix in (None, match[2]):
            path.unlink()
            is_changed = True
    if is_changed:
        sync_directory(directory)


def move_parts(source: Path, target: Path, number: int, suffix: str) -> None:
    """Replace the part files of `target` by the `number` ones of `source`, which then is gone.

    The latter are durable. What a crash leaves half done is completed by the same call.
    A file gets the permissions and the owner of the one that it replaces, or of the first one.
    """
    make_directory(target)
    first = target / part_name(1, suffix)
    for each in range(1, number + 1):
        path = source / part_name(each, suffix)
        if path.exists():
            replaced = target / path.name
            like = replaced if replaced.exists() else first
            if like.exists():
                take_permissions(path, like)
            os.replace(path, replaced)
    sync_directory(target)
    remove_parts(target, range(1, number + 1))
    if source.is_dir():
        remove_parts(source)
        with suppress(OSError):  # it holds a file of somebody else's
            source.rmdir()
        sync_directory(source.parent)


def take_permissions(path: Path, like: Path) -> None:
    """Give a file the permissions of another one, and its owner where that is allowed."""
    before = like.stat()
    path.chmod(stat.S_IMODE(before.st_mode))
    with suppress(OSError):  # who may not give files away owns what it writes
        os.chown(path, before.st_uid, before.st_gid)
