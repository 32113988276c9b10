"""The numbered part files of a Parquet output that is still growing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from utils.sinks._files import DRAFT_PREFIX, changed_meanwhile, draft_of, sync_directory

__all__ = ["PartFiles"]

_part_name = re.compile(r"part-(\d{6,})\.parquet").fullmatch


class PartFiles:
    """`OUTPUT.parts/part-000001.parquet` and so on; no other file of the directory is touched.

    Methods raise `OSError`, and `OutputError` when somebody changed a part.
    """

    def __init__(self, output: Path) -> None:
        self._output = output
        self._directory = output.with_name(output.name + ".parts")
        self._known: dict[Path, os.stat_result] = {}

    def path(self, number: int) -> Path:
        return self._directory / f"part-{number:06}.parquet"

    def keep(self, first: int, last: int) -> None:
        """Remove all parts but those from `first` to `last`, and the drafts."""
        self._known = {}
        with suppress(FileNotFoundError):
            for path in list(self._directory.iterdir()):
                part = _part_name(path.name)
                if part is None and not path.name.startswith(DRAFT_PREFIX):
                    continue
                if part is None or not first <= int(part[1]) <= last:
                    path.unlink()
        for number in range(first, last + 1):
            self.watch(self.path(number))

    def watch(self, path: Path) -> None:
        self._known[path] = path.stat()

    def check(self, shown: Path) -> None:
        """Raise `OutputError` when a file that was written is no longer what it was."""
        for path, known in self._known.items():
            try:
                now = path.stat()
            except FileNotFoundError:
                raise changed_meanwhile(shown, f"{path.name} was removed") from None
            if not os.path.samestat(now, known):
                raise changed_meanwhile(shown, f"{path.name} was replaced")
            if now.st_size != known.st_size:
                raise changed_meanwhile(shown, f"{path.name} was changed by somebody else")

    def make_directory(self) -> None:
        if not self._directory.is_dir():
            self._directory.mkdir()
            sync_directory(self._directory.parent)

    def remove_directory(self) -> None:
        with suppress(OSError):  # somebody else keeps a file in it, or it is not there
            self._directory.rmdir()

    def write(self, target: Path, fill: Callable[[BinaryIO], Any]) -> None:
        """Write one part, or the merged output, whole or not at all."""
        self.make_directory()
        with draft_of(target, self._directory) as file:
            fill(file)
        self.watch(target)
