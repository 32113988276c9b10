"""Reads the paths of the files that match a pattern, as items."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from batchmap.errors import InputError
from batchmap.sources.base import InputRecord
from batchmap.storage.patterns import alternatives

__all__ = ["MatchingFiles", "RealPaths", "matching_files", "matching_names"]


_logger = logging.getLogger("input")


def matching_names(pattern: str, *, excluded: Collection[Path] = ()) -> list[str]:
    """Return the paths of the regular files that match `pattern` now, sorted.

    `**` stands for any number of directories, except hidden ones and links, `{a,b}` for either. A
    link to a missing file is among them, too. Files of `excluded` are not, nor what lies in
    directories of these names. A warning names directories that cannot be read.
    """
    # `pathlib` would change `./a` to `a`, and takes no absolute patterns.
    patterns = alternatives(pattern)
    found = {name for one in patterns for name in _matches(one)}
    real = RealPaths(excluded)
    names = sorted(name for name in found if _is_file_or_dead_link(name) and not real.is_own(name))
    if closed := sorted({path for one in patterns for path in _closed_directories(one)}):
        more = f" and {len(closed) - 1} more" if len(closed) > 1 else ""
        _logger.warning(
            "%s%s cannot be looked into; files there are no items of %s", closed[0], more, pattern
        )
    return names


def matching_files(pattern: str, *, excluded: Collection[Path] = ()) -> MatchingFiles:
    """Return the source of the paths that match `pattern`; raises `InputError` when none does."""
    names = matching_names(pattern, excluded=excluded)
    if not names:
        raise InputError(
            f"no file matches {pattern}; check the pattern, and quote it for the shell"
        )
    return MatchingFiles(pattern, names)


class RealPaths:
    """Finds what files really are, links followed; directories are looked at once each."""

    def __init__(self, own: Collection[Path] = ()) -> None:
        self._directories: dict[str, str] = {}
        self._own = {os.path.realpath(path) for path in own}

    def of(self, name: str) -> str:
        """Return the path of a file without links."""
        if os.path.islink(name):  # noqa: PTH114
            return os.path.realpath(name)
        directory, base = os.path.split(name)
        if base in ("", ".", ".."):
            return os.path.realpath(name)
        real = self._directories.get(directory)
        if real is None:
            real = self._directories[directory] = os.path.realpath(directory)
        return os.path.join(real, base)  # noqa: PTH118

    def is_own(self, name: str) -> bool:
        """Tell whether a file, or the directory that it is in, is one of `own`."""
        if not self._own:
            return False
        path = self.of(name)
        return path in self._own or os.path.dirname(path) in self._own  # noqa: PTH120


class MatchingFiles:
    """The paths of files, as items.

    They were listed once: files that are added meanwhile would shift the indexes of the others. A
    link to a missing file is an item, too, whose function fails.
    """

    def __init__(self, name: str, names: list[str]) -> None:
        self._names = names
        self.name = name
        self.total: int | None = len(self._names)
        self.paths = tuple(Path(name).absolute() for name in self._names)
        self.repeatable = True
        self.size_bytes: int | None = None
        self._read = 0

    def records(self) -> Iterator[InputRecord]:
        self._read = 0
        for number, name in enumerate(self._names, 1):
            self._read = number
            yield name, os.fsencode(name), number

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return self.records()

    def state(self) -> object:
        return None

    def place(self, where: int) -> str:
        return self._names[where - 1]

    def fraction(self) -> float | None:
        return self._read / len(self._names)


def _matches(pattern: str) -> Iterator[str]:
    """Yield what `glob` finds, without following links for `**`, which may lead in circles."""
    parts = pattern.split("/")
    if "**" not in parts:
        yield from glob.glob(pattern)  # noqa: PTH207
        return
    at = parts.index("**")
    rest = "/".join(parts[at + 1 :])
    for top in glob.glob("/".join([*parts[:at], ""])) if at else [""]:  # noqa: PTH207
        for directory, below, files in os.walk(top or "."):
            below[:] = [name for name in below if not name.startswith(".")]
            inside = directory if top else os.path.relpath(directory)
            inside = "" if inside == "." else inside
            before = inside + "/" if inside and not inside.endswith("/") else inside
            if rest:
                yield from _matches(glob.escape(before) + rest)
            else:
                yield inside
                yield from (before + name for name in files if not name.startswith("."))


def _is_file_or_dead_link(name: str) -> bool:
    # Not `pathlib`, which raises an error for a name that is too long, or may not be looked at.
    return os.path.isfile(name) or (os.path.islink(name) and not os.path.exists(name))  # noqa: PTH110, PTH113, PTH114


def _closed_directories(pattern: str) -> list[str]:
    """Return the directories that `glob` skipped because they may not be read."""
    found: set[Path] = set()
    for above in Path(pattern).parents:
        if not glob.has_magic(str(above)):
            found.add(above)
            break
        found.update(map(Path, _matches(str(above))))
    return sorted(
        str(path)
        for path in found
        if os.path.isdir(path) and not os.access(path, os.R_OK | os.X_OK)  # noqa: PTH112
    )
