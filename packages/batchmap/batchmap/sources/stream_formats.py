"""The formats of input that are read from front to back, and the source that reads any of them.

To add such a format, write a function from blocks of bytes to records, and add a row to
`_FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple, cast

from batchmap.sources.base import InputRecord
from batchmap.sources.csv.dialect import CsvSettings
from batchmap.sources.csv.rows import csv_rows
from batchmap.sources.line_blocks import Record, never
from batchmap.sources.line_formats import failed_items, json_lines, nul_texts, text_lines
from batchmap.sources.notices import Notices
from batchmap.sources.opening.byte_sources import ByteSource
from batchmap.sources.opening.decompression import ByteInput
from batchmap.sources.opening.markup_check import without_json, without_markup
from batchmap.sources.opening.nul_check import without_nuls, without_utf_16
from batchmap.sources.opening.text_encoding import BadText, TextEncoding
from batchmap.sources.reading_options import AS_USUAL, ReadingOptions
from batchmap.storage.formats import MAX_RECORD_BYTES

__all__ = ["StreamedSource"]

_Records = Iterator[Record | None]
_WantsBlocks = Callable[[], bool]


class _Format(NamedTuple):
    """How a format is read."""

    read: Callable[[Iterable[bytes], StreamedSource, _WantsBlocks], _Records]
    """Yields the records of blocks of bytes, in blocks while these are wanted, where it can; gets
    the source, too."""
    noun: str
    """What a record is called before its position, in messages."""


def _rows(blocks: Iterable[bytes], source: StreamedSource, expected: str) -> Iterator[bytes]:
    """Yield the blocks; raises `InputError` for what is neither rows nor JSON in UTF-8."""
    yield from without_markup(without_utf_16(blocks, source.name), source.name, expected)


def _csv_records(
    blocks: Iterable[bytes], source: StreamedSource, wants_blocks: _WantsBlocks
) -> _Records:
    blocks = _rows(blocks, source, "CSV")
    settings = source.csv
    if settings.columns is None and not settings.no_header and not settings.skip_lines:
        blocks = without_json(blocks, source.name)
    return csv_rows(
        blocks,
        source.name,
        settings,
        source.bad_text(),
        source,
        None if wants_blocks is never else wants_blocks,
    )


def _json_records(blocks: Iterable[bytes], source: StreamedSource) -> _Records:
    from batchmap.sources.json.document import json_records

    return json_records(
        blocks,
        source.name,
        source.max_bytes,
        path=source.json_path,
        on_lines=source.note_lines,
    )


_FORMATS: Mapping[str, _Format] = {
    "text": _Format(
        lambda blocks, source, wants_blocks: text_lines(
            without_nuls(blocks, source.name), source.max_bytes, source.bad_text(), wants_blocks
        ),
        "line",
    ),
    "nul": _Format(lambda blocks, source, _: nul_texts(blocks, source.max_bytes), "record"),
    "jsonl": _Format(
        lambda blocks, source, wants_blocks: json_lines(
            _rows(blocks, source, "JSON Lines"), source.max_bytes, wants_blocks
        ),
        "line",
    ),
    "json": _Format(
        lambda blocks, source, _: _json_records(_rows(blocks, source, "JSON"), source),
        "element",
    ),
    "csv": _Format(_csv_records, "line"),
    "errors": _Format(lambda blocks, source, _: failed_items(blocks, source.max_bytes), "line"),
}


_OF_LINES = ("text", "jsonl", "errors")

_NO_LINE_FEED = (
    "begins with carriage returns and no line feed, which alone ends a line; tr '\\r' '\\n' makes "
    "lines of them"
)


def _is_of_a_mac(block: bytes) -> bool:
    return b"\n" not in block and b"\r" in block.rstrip(b"\r")


class StreamedSource:
    """The records of `byte_source`, in a format that is read from front to back."""

    name: str
    csv: CsvSettings
    max_bytes: int
    """How long a line may be, for one that is an item."""
    json_path: str | None
    """The keys above the array that is read."""

    def __init__(
        self,
        byte_source: ByteSource,
        input_format: str,
        *,
        compression: str = "",
        usual_delimiter: str = ",",
        reading: ReadingOptions = AS_USUAL,
        max_record_bytes: int = MAX_RECORD_BYTES,
        json_path: str | None = None,
    ) -> None:
        self.name = byte_source.name
        self.total: int | None = None
        self.paths = byte_source.paths
        self.repeatable = byte_source.repeatable
        self.state = byte_source.state
        self._size_bytes = None if compression else byte_source.size_bytes
        self._input = ByteInput(byte_source, compression=compression)
        self._format = _FORMATS[input_format]
        self._noun = self._format.noun
        self.json_path = json_path
        self.format = input_format
        """Its name, which says what items are made of the bytes."""
        self.context = b""
        """A digest of what records mean beside their bytes; known with the first of them."""
        self.csv = reading.csv_settings(usual_delimiter)
        self.max_bytes = max_record_bytes
        self._encoding = TextEncoding(byte_source.name, reading.encoding)
        self._notices = Notices(byte_source.name)

    @property
    def size_bytes(self) -> int | None:
        """The size of the file, about as if it were in UTF-8."""
        size = self._size_bytes
        return None if size is None else size // self._encoding.unit_bytes

    def taken(self) -> dict[str, str]:
        """Return the options that were left to the input, and what they are by its first bytes.

        They are `auto` for what is no file of this machine, until it is read.
        """
        is_csv = self.format == "csv"
        if self.paths and (not self._encoding.is_read or (is_csv and not self.context)):
            next(self.records(), None)
        known = {"encoding": self._encoding.taken or "auto"}
        if is_csv:
            known["delimiter"] = self.csv.delimiter or "auto"
        return known

    def bad_text(self) -> BadText:
        """Return what decodes bytes that are no text, in one reading."""
        return BadText(self._encoding)

    def note_table(self, delimiter: str, columns: list[str], remarks: list[str]) -> bytes:
        """Take what is known of the records, before the first of them, into `context`."""
        names = repr((delimiter, columns)).encode("utf-8", "surrogatepass")
        self.context = blake2b(names, digest_size=blake2b.PERSON_SIZE).digest()
        taken = self._encoding.notices()
        if self.csv.delimiter is None and delimiter != self.csv.usual:
            taken.append(f"delimiter {delimiter!r}")
        self._notices.tell(taken, remarks)
        if self.repeatable:  # it is to be read the same way again, also when it has grown
            self.csv = replace(self.csv, delimiter=delimiter)
        return self.context

    def warn(self, line: int, message: str) -> None:
        """Tell what a user should know of a line, of the first such line only."""
        self._notices.warn(line, message)

    def note_lines(self) -> None:
        """Call records lines, as which they are read."""
        self._noun = "line"

    def records(self) -> Iterator[InputRecord]:
        return filter(None, self.records_and_pauses())

    def records_and_pauses(self) -> Iterator[InputRecord | None]:
        return cast(Iterator[InputRecord | None], self.records_in_blocks(never))

    def records_in_blocks(self, wants_blocks: Callable[[], bool]) -> Iterator[Record | None]:
        """Yield the same as `records_and_pauses`, in blocks where that can be.

        `wants_blocks` is called before each, and says whether it may be one.
        """
        # Closed here: the frames of an error would keep the file open until they are collected.
        with closing(self._input.blocks()) as blocks:
            yield from self._format.read(self._text_blocks(blocks), self, wants_blocks)

    def _text_blocks(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        is_first = True
        for block in self._encoding.utf8_blocks(blocks):
            if self.format != "csv" and is_first:
                remarks = (
                    [_NO_LINE_FEED] if self.format in _OF_LINES and _is_of_a_mac(block) else []
                )
                self._notices.tell(self._encoding.notices(), remarks)
            is_first = False
            yield block

    def place(self, where: int) -> str:
        return f"{self.name} {self._noun} {where}"

    def fraction(self) -> float | None:
        return self._input.fraction()
