"""Reads the records of many files, one file after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from batchmap.errors import BatchmapError, InputError, UsageError
from batchmap.sources.base import InputRecord, Source, state_of_file
from batchmap.sources.listing.listed_files import ListedFile, LocalListed, UrlListed

__all__ = ["MAX_FILES", "RecordsOfFiles"]

_ROW_BITS = 40
_ROW_MASK = (1 << _ROW_BITS) - 1

MAX_FILES = 1 << (63 - _ROW_BITS)
"""A position holds the number of the file and that of the record in it, in 63 bits."""

_KEPT_SOURCES = 1000
"""Of how many files it is kept how they are read, which is told once, and their places called."""

_NO_CONTEXT = ("jsonl", "json", "errors")
"""Formats of which the bytes of a record say all: they mean the same in each of these."""


class RecordsOfFiles:
    """The records of `files`, in their order; one file is open at a time.

    `open_file` returns the source of one of them. `input_format` is what all of them are read as,
    `None` where each file's name says that. `size_bytes` is given where the files hold little else
    than the records' bytes.
    """

    repeatable = True
    total: int | None = None
    reads_rows_of_files = True
    """Tells this source from that of a single file in the fingerprint of a run."""

    def __init__(
        self,
        name: str,
        files: Sequence[ListedFile],
        open_file: Callable[[ListedFile], Source],
        *,
        input_format: str | None = None,
        size_bytes: int | None = None,
    ) -> None:
        self.name = name
        self.format = input_format
        self.size_bytes = size_bytes
        self._files = files
        self._open_file = open_file
        self._all_bytes = sum(file.size_bytes for file in files)
        self._bytes_before = 0
        self._files_before = 0
        self._current: Source | None = None
        self._contexts = [b""] * len(files)
        self._known_contexts: dict[bytes, bytes] = {}
        self._opened = lru_cache(_KEPT_SOURCES)(self._open)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of this machine; not kept, as there may be many."""
        containers = self._containers()
        return tuple(Path(file.path) for file in containers if isinstance(file, LocalListed))

    def _containers(self) -> dict[ListedFile, None]:
        """Return the files that hold the records, archives in place of the files in them."""
        return dict.fromkeys(file.container for file in self._files)

    def records(self) -> Iterator[InputRecord]:
        return filter(None, self.records_and_pauses())

    def records_and_pauses(self) -> Iterator[InputRecord | None]:
        self._bytes_before = self._files_before = 0
        self._current = None
        for number, file in enumerate(self._files):
            source = self._current = self._source_of(number)
            yield from self._records_of(source, number)
            self._current = None
            self._bytes_before += file.size_bytes
            self._files_before += 1

    def _source_of(self, number: int) -> Source:
        try:
            return self._opened(number)
        except UsageError as error:  # options that all files but this one agree with
            raise InputError.joined([error]) from error

    def _records_of(self, source: Source, number: int) -> Iterator[InputRecord | None]:
        start = number << _ROW_BITS
        is_first = True
        for record in source.records_and_pauses():
            if record is None:
                yield None
                continue
            if is_first:
                self._contexts[number] = self._context_of(source, number)
                is_first = False
            item, raw, where = record
            yield item, raw, start + where

    def _context_of(self, source: Source, number: int) -> bytes:
        """Return what the records of a file mean beside their bytes."""
        context: bytes = getattr(source, "context", b"")
        input_format = self.format or self._files[number].format or ""
        if not context and input_format not in _NO_CONTEXT:
            context = input_format.encode()
        return self._known_contexts.setdefault(context, context)  # one object for all files

    def context_of(self, where: int) -> bytes:
        """Return what a record means beside its bytes; it must have been read."""
        return self._contexts[where >> _ROW_BITS]

    def state(self) -> object:
        found = blake2b(digest_size=16)
        for file in self._containers():
            if isinstance(file, LocalListed):
                found.update(repr(state_of_file(file.path)).encode())
            elif isinstance(file, UrlListed):
                found.update(repr(file.byte_source().state()).encode())
        return found.digest()

    def place(self, where: int) -> str:
        number, row = where >> _ROW_BITS, where & _ROW_MASK
        try:
            return self._opened(number).place(row)
        except BatchmapError:  # it is gone by now
            return f"{self._files[number].name} record {row}"

    def _open(self, number: int) -> Source:
        return self._open_file(self._files[number])

    def fraction(self) -> float | None:
        if not self._all_bytes:
            return self._files_before / len(self._files)
        share = self._current.fraction() if self._current is not None else None
        current = 0 if not share else share * self._files[self._files_before].size_bytes
        return min(1.0, (self._bytes_before + current) / self._all_bytes)
