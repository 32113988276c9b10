"""Writes results as JSON Lines, to a file or to standard output."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO

from batchmap.errors import OutputError
from batchmap.lone_surrogates import unescape
from batchmap.records import ItemFailure
from batchmap.row_blocks import Segment
from batchmap.sinks.base import Kept, NoteDigest, Stretch, no_note
from batchmap.sinks.item_columns import Fields, field_texts, item_row, named_fields
from batchmap.sinks.row_forms import JsonForm
from batchmap.sinks.text_file.append_file import GrowingText
from batchmap.sinks.values.json_encoding import escaped_text, text_of
from batchmap.sinks.values.kept_results import keeping, with_result
from batchmap.sinks.values.value_conversion import JSON, STRICT_JSON, Unwritable

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


def result_fields(result: Any) -> Fields:
    """Return the fields of a result as JSON; raises `Unwritable`, which keeps it, for none."""
    try:
        return field_texts(result, JSON)
    except Unwritable as error:
        raise keeping(error, result) from None


def strict_result_fields(result: Any) -> Fields:
    """Return the same, but nan and infinity have no such form."""
    try:
        return field_texts(result, STRICT_JSON)
    except Unwritable as error:
        raise keeping(error, result) from None


class _JsonLines:
    """How a line is made of an item and its result."""

    def __init__(self, *, record: str, with_item: bool, strict: bool) -> None:
        self._record = "with item" if with_item else record
        self.shows_items = self._record != "result"
        self._rows = JsonForm(is_full=self.shows_items)
        self.encoder: Callable[[Any], Any]
        if with_item:
            self.encoder = strict_result_fields if strict else result_fields
        else:
            self.encoder = strict_result_text if strict else result_text
        self._form = STRICT_JSON if strict else JSON

    def encode(
        self, indexes: Sequence[int], items: Sequence[Any], encoded: Sequence[Any]
    ) -> tuple[list[str], dict[int, ItemFailure]]:
        if self._record == "with item":
            return self._enriched(items, encoded)
        return self._rows.rows(indexes, self._rows.kept(items), encoded), {}

    def row_form(self) -> JsonForm | None:
        return None if self._record == "with item" else self._rows

    def _enriched(
        self, items: Sequence[Any], results: Sequence[Fields]
    ) -> tuple[list[str], dict[int, ItemFailure]]:
        """Return a line for each item, of its fields and then those of its result."""
        lines: list[str] = []
        failures: dict[int, ItemFailure] = {}
        for offset, (item, result) in enumerate(zip(items, results, strict=True)):
            try:
                row = item_row(item, lambda value: field_texts(value, self._form))
            except Unwritable as error:
                failures[offset] = with_result(error.failure, _result_of(result))
                lines.append("")
                continue
            fields = {**row, **named_fields(result)}
            line = ", ".join([f"{text_of(name)}: {text}" for name, text in fields.items()])
            lines.append(f"{{{line}}}\n")
        return lines, failures


def _renumbered(lines: str, index: int) -> str:
    """Return the full lines of an item, if any, with another index."""
    return "".join(
        f'{{"index": {index}{line[line.index(",") :]}\n' for line in lines.split("\n")[:-1]
    )


def _result_of(fields: Fields) -> Any:
    if isinstance(fields, tuple):
        return unescape(json.loads(fields[0]))
    return {unescape(name): unescape(json.loads(text)) for name, text in fields.items()}


class JsonLinesSink(_JsonLines):
    """One line for each item: `{"index": …, "item": …, "result": …}`, or its result alone.

    An item that JSON cannot hold has its types marked (`marked_json`); a result that it cannot
    hold fails. With `strict`, so do nan and infinity, which are `null` otherwise. With `with_item`,
    a line is an object of the item's fields, then the result's; an item that JSON cannot hold fails
    then, too.
    """

    def __init__(
        self, file: GrowingText, *, record: str, with_item: bool = False, strict: bool = False
    ) -> None:
        super().__init__(record=record, with_item=with_item, strict=strict)
        self._file = file
        self.commit_every_s, self.commit_soonest_s = file.commit_every_s, file.commit_soonest_s

    @property
    def digest(self) -> bytes | None:
        return self._file.digest

    def check(self, stretches: Iterable[Stretch]) -> None:
        self._file.check(stretches)

    def start(self, end: int) -> int:
        return self._file.start(end)

    def fitted(self, made: Segment) -> list[str]:
        return made.each() if self._file.takes_each else made.pieces

    def carry(self, kept: Kept, index: int) -> list[str]:
        if self._record != "full" or kept.number is not None:
            return kept.pieces
        return [_renumbered(lines, number) for number, lines in enumerate(kept.pieces, index)]

    def write(self, pieces: Sequence[str]) -> int:
        return self._file.append(pieces)

    def sync(self) -> int:
        return self._file.sync()

    def rollback(self) -> int:
        return self._file.rollback()

    def finish(self, note: NoteDigest = no_note) -> None:
        self._file.finish(note)

    def close(self) -> None:
        self._file.close()


class StdoutSink(_JsonLines):
    """The same lines to a stream or file descriptor, those of each batch at once.

    It cannot be cut back, so it always starts at 0. `BrokenPipeError` passes through: the reader
    wants no more, which is no error.
    """

    commit_every_s = 0.5
    commit_soonest_s = 0.0

    def __init__(
        self,
        stream: BinaryIO | int,
        *,
        record: str = "full",
        with_item: bool = False,
        strict: bool = False,
    ) -> None:
        super().__init__(record=record, with_item=with_item, strict=strict)
        self._stream = None if isinstance(stream, int) else stream
        self._descriptor = stream if isinstance(stream, int) else _descriptor(stream)
        self._end = 0

    digest: bytes | None = None

    def check(self, stretches: Iterable[Stretch]) -> None:
        """Do nothing: nothing is left of an earlier run."""

    def start(self, end: int) -> int:
        self._end = 0
        return self._end

    def fitted(self, made: Segment) -> list[str]:
        return made.pieces

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
