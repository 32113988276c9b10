"""Reads the rows of all Parquet files in a directory, as dicts."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from batchmap.errors import InputError
from batchmap.optional import require
from batchmap.records import UnreadableRecord
from batchmap.sources.base import InputRecord, one_line, value_bytes
from batchmap.sources.opening.byte_sources import LocalFile
from batchmap.sources.parquet.rows import ParquetRows
from batchmap.storage.formats import INPUT_SUFFIXES

__all__ = ["ParquetDirectory", "is_parquet_directory"]

_HIDDEN = (".", "_")
"""How the names begin of what other programs leave beside the data: `_SUCCESS`, `.crc`."""


def is_parquet_directory(path: Path) -> bool:
    """Tell whether a directory is one of Parquet files, by its name or theirs."""
    if _is_parquet(path.name):
        return True
    files = _files(path)
    first = next(files, None)
    is_first = first is not None and _is_parquet(first.name)
    return is_first and all(_is_parquet(file.name) for file in files)


class ParquetDirectory:
    """The rows of the files of a directory and of those in it, in the order of their paths.

    Columns are those of all files, `None` where a file lacks one, and those that the names of
    directories give, as in `year=2024/month=5`, typed as `pyarrow.dataset` does it. Files whose
    names begin with a dot or an underscore are passed over, and those of `excluded`. Raises
    `InputError` where a file is not Parquet, or two have columns that do not go together.
    """

    def __init__(self, path: Path, *, name: str, excluded: Collection[Path] = ()) -> None:
        self._path = path.absolute()
        self.name = name
        own = {os.path.realpath(one) for one in excluded}
        files = [file for file in _files(self._path) if not _is_among(file, own)]
        for file in files:
            if file.suffix and not _is_parquet(file.name):
                shown = Path(name, file.relative_to(self._path))
                raise InputError(
                    f"{shown}: is not Parquet, and the rest of the directory is; move it away"
                )
        if not files:
            raise InputError(f"{name}: there is no Parquet file in it; check the path")
        self._files = [
            ParquetRows(LocalFile(file, name=f"{Path(name, file.relative_to(self._path))}"))
            for file in files
        ]
        self.paths = tuple(files)
        self._keys = _partition_keys(self._path, files)
        self.schema = self._unified()
        self._names = self.schema.names
        numbers = [file.total or 0 for file in self._files]
        self._ends = list(accumulate(numbers))
        self.total: int | None = self._ends[-1]
        self.repeatable = True
        self.size_bytes: int | None = None
        self._read = 0

    def records(self) -> Iterator[InputRecord]:
        self._read = start = 0
        for number, (file, end) in enumerate(zip(self._files, self._ends, strict=True)):
            complete = self._completing(number)
            for item, raw, where in file.records():
                self._read = start + where
                if complete is not None and type(item) is not UnreadableRecord:
                    item = complete(item)
                    raw = value_bytes(item)
                elif complete is not None:
                    raw += value_bytes(self._keys[number])
                yield item, raw, self._read
            start = end

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return self.records()

    def state(self) -> object:
        return tuple(file.state() for file in self._files)

    def place(self, where: int) -> str:
        number = min(bisect_right(self._ends, where - 1), len(self._files) - 1)
        before = self._ends[number - 1] if number else 0
        return self._files[number].place(where - before)

    def fraction(self) -> float | None:
        return self._read / self.total if self.total else 1.0

    def _completing(self, number: int) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
        """Return what gives a file's rows the columns of all; `None` where they have them."""
        keys = self._keys[number]
        if not keys and self._files[number].schema.names == self._names:
            return None
        blank = dict.fromkeys(self._names)
        return lambda row: {**blank, **row, **keys}

    def _unified(self) -> Any:
        """Return the columns of all files, and those of the directories' names after them."""
        arrow = require("pyarrow", "formats", "reading Parquet")
        columns: dict[str, Any] = {}
        for file in self._files:
            for field in file.schema:
                field = field.remove_metadata().with_nullable(True)
                known = columns.setdefault(field.name, field)
                if known.type == field.type:
                    continue
                try:
                    [columns[field.name]] = arrow.unify_schemas(
                        [arrow.schema([known]), arrow.schema([field])],
                        promote_options="permissive",
                    )
                except (arrow.ArrowException, ValueError) as error:
                    raise InputError(
                        f"{file.name}: column {field.name!r:.60} is {field.type} and is "
                        f"{known.type} in the files before; write them alike ({one_line(error)})"
                    ) from error
        for name in dict.fromkeys(name for keys in self._keys for name in keys):
            values = [keys.get(name) for keys in self._keys]
            columns.pop(name, None)
            columns[name] = arrow.field(name, arrow.infer_type(values))
        return arrow.schema(list(columns.values()))


def _partition_keys(path: Path, files: list[Path]) -> list[dict[str, Any]]:
    """Return what the names of directories say of each file, such as `{"year": 2024}`."""
    if not any("=" in part for file in files for part in file.relative_to(path).parts[:-1]):
        return [{} for _ in files]
    datasets = require("pyarrow.dataset", "formats", "reading Parquet")
    dataset = datasets.dataset(
        [str(file) for file in files],
        format="parquet",
        partitioning="hive",
        partition_base_dir=str(path),
    )
    keys = {
        Path(fragment.path): datasets.get_partition_keys(fragment.partition_expression)
        for fragment in dataset.get_fragments()
    }
    names = dataset.schema.names
    return [{name: keys[file][name] for name in names if name in keys[file]} for file in files]


def _files(path: Path) -> Iterator[Path]:
    """Yield the files of a directory and of those in it, in the order of their paths."""
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise InputError(f"{path}: cannot be looked into ({error.strerror})") from error
    for entry in entries:
        if entry.name.startswith(_HIDDEN):
            continue
        if entry.is_dir():
            yield from _files(entry)
        else:
            yield entry


def _is_parquet(name: str) -> bool:
    return INPUT_SUFFIXES.get(Path(name).suffix.lower()) == "parquet"


def _is_among(file: Path, own: set[str]) -> bool:
    """Tell whether a file is one of the run's own, or in a directory of them."""
    real = os.path.realpath(file)
    return any(real == one or real.startswith(one + os.sep) for one in own)
