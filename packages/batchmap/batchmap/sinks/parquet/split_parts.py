"""A Parquet output that is a directory of part files, each of which ends where it reaches a size.

The parts of the run, in `OUTPUT.parts`, are merged into them at its end. All are written there, in
a directory that then gets a name which tells their number: from then on they are the output, and
are moved to OUTPUT one by one, whoever does that.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from batchmap.errors import OutputError
from batchmap.sinks.base import output_digest
from batchmap.sinks.output_errors import not_what_was_written
from batchmap.sinks.parquet.parts import OUTPUT, LocalParquetParts, digest_of
from batchmap.storage import DRAFT_PREFIX, create_new, sync_directory
from batchmap.storage.part_files import (
    MAX_PARTS,
    make_directory,
    move_parts,
    part_name,
    parts_in,
    remove_parts,
)
from batchmap.text import printable

__all__ = ["SplitParquetParts"]

_SUFFIX = ".parquet"

_merged_name = re.compile(r"merged-(\d{6})").fullmatch


class SplitParquetParts(LocalParquetParts):
    """`LocalParquetParts` of an output in part files, whose numbers are -1, -2 and so on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._draft = self._directory / f"{DRAFT_PREFIX}merged"

    def refuse_irregular_output(self) -> None:
        if self._output.exists() and not self._output.is_dir():
            raise OutputError(
                f"{printable(f'{self.path}')}: not a directory of part files; name another one"
            )

    def settle(self) -> None:
        with suppress(FileNotFoundError):
            for path in list(self._directory.iterdir()):
                if (match := _merged_name(path.name)) is not None:
                    move_parts(path, self._output, int(match[1]), _SUFFIX)

    def outputs(self) -> list[int]:
        return [-number for number in parts_in(self._output, _SUFFIX)]

    def has_output(self) -> bool:
        return bool(self.outputs())

    def check_digest(self, number: int, digest: bytes) -> None:
        if number != OUTPUT:
            super().check_digest(number, digest)
        elif _digest_of_all(map(self._file, self.outputs())) != digest:
            raise not_what_was_written(self.path)

    def merge(self, fill: Callable[[BinaryIO], bool], note: Callable[[bytes], None]) -> None:
        self._make_directory()
        self._remove_draft()
        make_directory(self._draft)
        files: list[Path] = []
        is_full = True
        while is_full:
            if len(files) == MAX_PARTS:
                raise OutputError(
                    f"{printable(f'{self.path}')}: more than {MAX_PARTS:,} part files",
                    advice="take a larger {split_size_bytes:} and begin anew with {overwrite}",
                )
            files.append(self._draft / part_name(len(files) + 1, _SUFFIX))
            with os.fdopen(create_new(files[-1]), "wb") as file:
                is_full = fill(file)
                file.flush()
                os.fsync(file.fileno())
        sync_directory(self._draft)
        note(_digest_of_all(files))
        os.replace(self._draft, self._directory / f"merged-{len(files):06}")
        sync_directory(self._directory)
        self.settle()
        self.remove_parts()
        self._remember_output()

    def remove_parts(self) -> None:
        self._remove_draft()
        super().remove_parts()

    def keep(self, merged: int, end: int) -> None:
        self._remove_draft()
        super().keep(merged, end)

    def _remove_draft(self) -> None:
        if self._draft.is_dir():
            remove_parts(self._draft)
            with suppress(OSError):  # it holds a file of somebody else's
                self._draft.rmdir()

    def _remove_output(self) -> None:
        make_directory(self._output)
        remove_parts(self._output)

    def _file(self, number: int) -> Path:
        if number < 0:
            return self._output / part_name(-number, _SUFFIX)
        return super()._file(number)


def _digest_of_all(files: Iterable[Path]) -> bytes:
    found: Any = output_digest()
    for path in files:
        found.update(digest_of(path))
    return bytes(found.digest())
