"""The paths of the files that match a pattern, as items."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from utils.errors import InputError
from utils.sources._source import InputRecord

__all__ = ["MatchingFiles"]


class MatchingFiles:
    """The regular files that match `pattern` now, sorted; `**` stands for any directories.

    Files of `excluded` are no items. Raises `InputError` when there are none.
    """

    def __init__(self, pattern: str, *, excluded: Collection[Path] = ()) -> None:
        # Those that are added meanwhile would shift the others' places.
        # (pathlib would change `./a` to `a`, and takes no absolute patterns.)
        found = set(glob.glob(pattern, recursive=True))  # noqa: PTH207
        left_out = {os.path.realpath(path) for path in excluded}
        self._names = sorted(
            name
            for name in found
            if Path(name).is_file() and os.path.realpath(name) not in left_out
        )
        if not self._names:
            raise InputError(
                f"no file matches {pattern}; check the pattern, and quote it for the shell"
            )
        self.name = pattern
        self.total: int | None = len(self._names)
        self.paths = tuple(map(Path, self._names))
        self.repeatable = True
        self.size_bytes: int | None = None
        self._given = 0

    def records(self) -> Iterator[InputRecord]:
        self._given = 0
        for number, name in enumerate(self._names, 1):
            self._given = number
            yield name, os.fsencode(name), number

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return self.records()

    def place(self, where: int) -> str:
        return self._names[where - 1]

    def fraction(self) -> float | None:
        return self._given / len(self._names)
