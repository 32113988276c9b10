"""Reads the records of a byte source, from front to back, in one of several formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from batchmap.sources.base import InputRecord
from batchmap.sources.byte_sources import ByteSource
from batchmap.sources.csv import csv_rows
from batchmap.sources.decompression import ByteInput
from batchmap.sources.json_array import json_elements
from batchmap.sources.line_formats import failed_items, json_lines, text_lines

__all__ = ["STREAMED_FORMATS", "StreamedSource"]

STREAMED_FORMATS = ("text", "jsonl", "json", "csv", "errors")

_Reader = Callable[[Iterable[bytes]], Iterator[InputRecord | None]]


class StreamedSource:
    """The records of `byte_source`, in one of the `STREAMED_FORMATS`."""

    def __init__(
        self,
        byte_source: ByteSource,
        input_format: str,
        *,
        compression: str = "",
        delimiter: str = ",",
    ) -> None:
        self.name = name = byte_source.name
        self.total: int | None = None
        self.paths = byte_source.paths
        self.repeatable = byte_source.repeatable
        self.size_bytes = None if compression else byte_source.size_bytes
        self.state = byte_source.state
        self._input = ByteInput(byte_source, compression=compression)
        self._reader = _reader(input_format, name, delimiter)
        self._noun = "element" if input_format == "json" else "line"

    def records(self) -> Iterator[InputRecord]:
        return filter(None, self._reader(self._input.blocks()))

    def records_and_pauses(self) -> Iterator[InputRecord | None]:
        return self._reader(self._input.blocks())

    def place(self, where: int) -> str:
        return f"{self.name} {self._noun} {where}"

    def fraction(self) -> float | None:
        return self._input.fraction()


def _reader(input_format: str, name: str, delimiter: str) -> _Reader:
    if input_format == "json":
        return lambda blocks: json_elements(blocks, name)
    if input_format == "csv":
        return lambda blocks: csv_rows(blocks, name, delimiter=delimiter)
    return {"text": text_lines, "jsonl": json_lines, "errors": failed_items}[input_format]
