"""The numbered part files of a Parquet output, on this machine or in a store."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from batchmap.errors import OutputError
from batchmap.sinks.base import output_digest
from batchmap.sinks.output_errors import changed_meanwhile, not_what_was_written, real_path
from batchmap.sinks.store_parts import StoreParts
from batchmap.storage import DRAFT_PREFIX, Location, draft_path, replacing, sync_directory
from batchmap.storage.output_lease import OutputLease
from batchmap.storage.part_files import parts_in
from batchmap.text import printable

__all__ = ["OUTPUT", "LocalParquetParts", "ParquetParts", "StoreParquetParts", "digest_of"]

OUTPUT = 0
"""The number of the merged output; those of parts begin at 1."""

_part_name = re.compile(r"part-(\d{6,})\.parquet").fullmatch

_Fill = Callable[[BinaryIO], Any]


class ParquetParts(Protocol):
    """Part files, and the output that they are merged into.

    Methods raise `OSError` where a file cannot be read or written, and `OutputError` when somebody
    changed one.
    """

    path: Location
    """The output, as it is called in messages."""
    commit_every_s: float
    commit_soonest_s: float

    def refuse_irregular_output(self) -> None:
        """Raise `OutputError` for an output that is no regular file."""

    def settle(self) -> None:
        """Complete a merge that was killed while its files got their names."""

    def outputs(self) -> list[int]:
        """Return the numbers of the files of the merged output, which may be missing."""
        ...

    def opened(self, number: int) -> AbstractContextManager[Any]:
        """Open a file for pyarrow to read; raises `FileNotFoundError` when it is missing."""

    def keep(self, merged: int, end: int) -> None:
        """Remove all parts but those after `merged` up to `end`, and the output when `end` is 0."""

    def check(self) -> None:
        """Raise `OutputError` when a file that was kept or written was removed or changed."""

    def has_output(self) -> bool:
        """Tell whether there is an output whose digest has to be known."""

    def check_digest(self, number: int, digest: bytes) -> None:
        """Raise `OutputError` unless a file has this digest, `FileNotFoundError` without it."""

    def write(self, number: int, fill: _Fill) -> bytes | None:
        """Write one part, whole or not at all; return its digest."""

    def merge(self, fill: Callable[[BinaryIO], bool], note: Callable[[bytes], None]) -> None:
        """Write the output, whole or not at all, and remove the parts.

        `fill` writes one file and returns whether another one has to follow. `note` gets the digest
        of the output before it has its name.
        """

    def remove_parts(self) -> None:
        """Remove all parts, which are in the merged output."""


class LocalParquetParts:
    """`OUTPUT.parts/part-000001.parquet` and so on; no other file of the directory is touched."""

    commit_every_s = 2.0
    commit_soonest_s = 0.0

    def __init__(self, path: Path) -> None:
        self.path: Location = path
        self._output = real_path(path)
        self._directory = self._output.with_name(self._output.name + ".parts")
        self._known: dict[Path, os.stat_result] = {}

    def refuse_irregular_output(self) -> None:
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(self._output.stat().st_mode):
                raise OutputError(
                    f"{printable(f'{self.path}')}: not a regular file; name another one"
                )

    def settle(self) -> None:
        """Do nothing: one file gets its name at once."""

    def outputs(self) -> list[int]:
        return [OUTPUT]

    @contextmanager
    def opened(self, number: int) -> Iterator[Path]:
        yield self._file(number)

    def keep(self, merged: int, end: int) -> None:
        self._known = {}
        self._remove_all_but(range(merged + 1, end + 1))
        for number in range(merged + 1, end + 1):
            self._remember(self._file(number))
        if end == 0:
            self._remove_output()
        if merged:
            self._remember_output()
        if 0 < merged == end:
            self._remove_directory()
        else:
            self._make_directory()

    def check(self) -> None:
        for path, known in self._known.items():
            try:
                now = path.stat()
            except FileNotFoundError:
                raise changed_meanwhile(self.path, f"{path.name} was removed") from None
            if now.st_size != known.st_size:
                raise changed_meanwhile(self.path, f"{path.name} was changed by somebody else")
            # A new file may get the number of the one that was removed.
            if not os.path.samestat(now, known) or now.st_mtime_ns != known.st_mtime_ns:
                raise changed_meanwhile(self.path, f"{path.name} was replaced")

    def check_digest(self, number: int, digest: bytes) -> None:
        path = self._file(number)
        if digest_of(path) != digest:
            raise not_what_was_written(path if number else self.path)

    def has_output(self) -> bool:
        return self._output.exists()

    def write(self, number: int, fill: _Fill) -> bytes:
        noted: list[bytes] = []
        self._write(number, fill, noted.append)
        return noted[0]

    def merge(self, fill: Callable[[BinaryIO], bool], note: Callable[[bytes], None]) -> None:
        self._write(OUTPUT, fill, note)
        self.remove_parts()

    def _write(self, number: int, fill: _Fill, note: Callable[[bytes], None]) -> None:
        target = self._file(number)
        draft = draft_path(target, self._directory)
        self._make_directory()
        with replacing(target, draft) as file:
            fill(file)
            file.flush()
            note(digest_of(draft))
        self._remember(target)

    def remove_parts(self) -> None:
        self._known = {}
        self._remove_all_but(range(0))
        self._remove_directory()

    def files(self) -> list[Path]:
        """Return the files that hold the results, in order: the output, and the parts after it."""
        found = [self._output] if self._output.is_file() else []
        found += parts_in(self._output, ".parquet").values()
        with suppress(FileNotFoundError):
            named = (path for path in self._directory.iterdir() if _part_name(path.name))
            found += sorted(named, key=lambda path: (len(path.name), path.name))
        return found

    def _file(self, number: int) -> Path:
        return self._directory / f"part-{number:06}.parquet" if number else self._output

    def _remove_all_but(self, kept: range) -> None:
        """Remove the parts of other numbers than `kept`, and the drafts that a crash has left."""
        with suppress(FileNotFoundError):
            for path in list(self._directory.iterdir()):
                part = _part_name(path.name)
                is_draft = _part_name(path.name.removeprefix(DRAFT_PREFIX)) is not None
                if part is None and not is_draft:
                    continue
                if part is None or int(part[1]) not in kept:
                    path.unlink()

    def _remove_output(self) -> None:
        self._output.unlink(missing_ok=True)
        sync_directory(self._output.parent)  # or it could come back as this run's own

    def _remember_output(self) -> None:
        for number in self.outputs():
            self._remember(self._file(number))

    def _remember(self, path: Path) -> None:
        self._known[path] = path.stat()

    def _make_directory(self) -> None:
        if not self._directory.is_dir():
            self._directory.mkdir()
            sync_directory(self._directory.parent)

    def _remove_directory(self) -> None:
        with suppress(OSError):  # it holds a file of somebody else's, or is missing
            self._directory.rmdir()


def digest_of(path: Path) -> bytes:
    """Return the digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, output_digest).digest()


class StoreParquetParts:
    """The same in a store, over `StoreParts`."""

    commit_every_s = 10.0
    commit_soonest_s = 10.0

    def __init__(self, output: OutputLease) -> None:
        self.path: Location = output.url
        self._parts = StoreParts(output, ".parquet")

    def refuse_irregular_output(self) -> None:
        """Do nothing: a store has regular files only."""

    def settle(self) -> None:
        """Do nothing: one file gets its name at once."""

    def outputs(self) -> list[int]:
        return [OUTPUT]

    @contextmanager
    def opened(self, number: int) -> Iterator[Any]:
        if number == OUTPUT:
            with self._parts.opened_output() as file:
                yield file
        else:
            yield io.BytesIO(self._parts.read(number))

    def keep(self, merged: int, end: int) -> None:
        sizes = self._parts.sizes()
        kept = {number: sizes[number] for number in range(merged + 1, end + 1)}
        self._parts.keep(kept, self._parts.output_size() if end else None)
        if 0 < merged == end:
            self._parts.clear()

    def check(self) -> None:
        """Do nothing: asking the store each time would be slow, so `merge` does it once."""

    def has_output(self) -> bool:
        """Return `False`: all would have to be fetched."""
        return False

    def check_digest(self, number: int, digest: bytes) -> None:
        """Do nothing: all would have to be fetched; `StoreParts` compares sizes."""

    def write(self, number: int, fill: _Fill) -> bytes:
        file = io.BytesIO()
        fill(file)
        self._parts.write(number, file.getvalue())
        return output_digest(file.getbuffer()).digest()

    def merge(self, fill: Callable[[BinaryIO], bool], note: Callable[[bytes], None]) -> None:
        self._parts.merge(fill)

    def remove_parts(self) -> None:
        self._parts.keep({}, self._parts.output_size())
        self._parts.clear()
