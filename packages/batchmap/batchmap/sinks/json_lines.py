"""Writes results as JSON Lines, to a file or to standard output."""

from __future__ import annotations

import os
import select
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from batchmap.errors import OutputError
from batchmap.records import ItemFailure
from batchmap.sinks.append_file import GrowingText
from batchmap.sinks.base import Kept, NoteDigest, Stretch, no_note
from batchmap.sinks.json_encoding import escaped_text, fallback_texts
from batchmap.sinks.kept_results import keeping
from batchmap.sinks.value_conversion import STRICT_JSON, Unwritable

__all__ = ["JsonLinesSink", "StdoutSink"]


def result_text(result: Any) -> str:
    """Return a result as JSON; raises `Unwritable`, which keeps it, when it has no such form."""
    try:
        return escaped_text(result)
    except Unwritable as error:
        raise keeping(error, result) from None


def strict_result_text(result: Any) -> str:
    """Return the same, but nan and infinity have no such form."""
    try:
        return escaped_text(result, STRICT_JSON)
    except Unwritable as error:
        raise keeping(error, result) from None


def _lines(
    record: str, indexes: Sequence[int], items: Sequence[Any], texts: Sequence[str]
) -> list[str]:
    if record == "result":
        return [f"{text}\n" for text in texts]
    return [
        f'{{"index": {index}, "item": {item}, "result": {text}}}\n'
        for index, item, text in zip(indexes, fallback_texts(items), texts, strict=True)
    ]


class JsonLinesSink:
    """One line for each item: `{"index": …, "item": …, "result": …}`, or its result alone.

    An item that JSON cannot hold has its types marked (`marked_json`); a result that it cannot
    hold fails. With `strict`, so do nan and infinity, which are `null` otherwise.
    """

    def __init__(self, file: GrowingText, *, record: str, strict: bool = False) -> None:
        self.encoder = strict_result_text if strict else result_text
        self._record = record
        self.shows_items = record != "result"
        self._file = file
        self.commit_every_s, self.commit_soonest_s = file.commit_every_s, file.commit_soonest_s

    @property
    def digest(self) -> bytes | None:
        return self._file.digest

    def check(self, stretches: Iterable[Stretch]) -> None:
        self._file.check(stretches)

    def start(self, end: int) -> int:
        return self._file.start(end)

    def encode(
        self, indexes: Sequence[int], items: Sequence[Any], encoded: Sequence[str]
    ) -> tuple[list[str], dict[int, ItemFailure]]:
        return _lines(self._record, indexes, items, encoded), {}

    def carry(self, kept: Kept, index: int) -> list[str]:
        if self._record == "result" or kept.number is not None:
            return kept.pieces
        return [
            f'{{"index": {number}{line[line.index(",") :]}'
            for number, line in enumerate(kept.pieces, index)
        ]

    def write(self, pieces: Sequence[str]) -> int:
        return self._file.append("".join(pieces))

    def sync(self) -> int:
        return self._file.sync()

    def rollback(self) -> int:
        return self._file.rollback()

    def finish(self, note: NoteDigest = no_note) -> None:
        self._file.finish(note)

    def close(self) -> None:
        self._file.close()


class StdoutSink:
    """The same lines to a stream or file descriptor, those of each batch at once.

    It cannot be cut back, so it always starts at 0. `BrokenPipeError` passes through: the reader
    wants no more, which is no error.
    """

    commit_every_s = 0.5
    commit_soonest_s = 0.0

    def __init__(
        self, stream: BinaryIO | int, *, record: str = "full", strict: bool = False
    ) -> None:
        self.encoder = strict_result_text if strict else result_text
        self._stream = None if isinstance(stream, int) else stream
        self._descriptor = stream if isinstance(stream, int) else _descriptor(stream)
        self._record = record
        self.shows_items = record != "result"
        self._end = 0

    digest: bytes | None = None

    def check(self, stretches: Iterable[Stretch]) -> None:
        """Do nothing: nothing is left of an earlier run."""

    def start(self, end: int) -> int:
        self._end = 0
        return self._end

    def encode(
        self, indexes: Sequence[int], items: Sequence[Any], encoded: Sequence[str]
    ) -> tuple[list[str], dict[int, ItemFailure]]:
        return _lines(self._record, indexes, items, encoded), {}

    def carry(self, kept: Kept, index: int) -> list[str]:
        """Do nothing: standard output is not written anew."""
        return []

    def write(self, pieces: Sequence[str]) -> int:
        left = memoryview("".join(pieces).encode())
        try:
            while left:
                written = self._write_some(left)
                left = left[written:]
                self._end += written
            if self._stream is not None:
                self._stream.flush()
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:  # the latter when the stream is closed
            why = getattr(error, "strerror", None) or error
            raise OutputError(
                f"stdout cannot be written ({why})",
                advice="name a file with {output:} to be able to resume",
            ) from error
        return self._end

    def sync(self) -> int:
        return self._end

    def rollback(self) -> int:
        return self._end

    def finish(self, note: NoteDigest = no_note) -> None:
        """Do nothing: all is written at once."""

    def close(self) -> None:
        """Do nothing: the stream belongs to the caller."""

    def _write_some(self, data: memoryview) -> int:
        if self._stream is not None:
            if self._descriptor is None:
                return self._stream.write(data)
            self._stream.flush()  # what is in its buffer already comes first
        assert self._descriptor is not None
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # another program made the terminal or pipe non-blocking
            select.select([], [self._descriptor], [])
            return 0


def _descriptor(stream: BinaryIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # it is in memory, or closed
        return None
