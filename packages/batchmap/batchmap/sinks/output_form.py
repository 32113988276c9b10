"""How results are written: the format of an output, and what its rows hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from batchmap.sinks.base import Sink
from batchmap.sinks.factory import open_sink
from batchmap.sinks.json_lines import StdoutSink
from batchmap.sinks.read_back import ResultReader, open_reader
from batchmap.sinks.text_file.compressed_file import opened_text, text_bytes
from batchmap.storage.formats import DELIMITERS
from batchmap.storage.output_lease import OutputLease
from batchmap.storage.table_output import TableOutput

__all__ = ["OutputForm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputForm:
    """What must be known of an output to write it, to go on with it, and to read it back."""

    output_format: str
    compression: str
    """The suffix of the compression of text, empty for none."""
    record: str
    """`full` or `result`: what a line of JSON Lines holds."""
    defuse: bool
    """Whether text that a spreadsheet would take for a formula is written as text."""
    delimiter: str
    """What stands between two cells of CSV or TSV."""
    bom: bool
    """Whether CSV or TSV begins with a byte order mark."""
    with_item: bool
    """Whether a row holds the columns of the item, too."""
    strict: bool
    """Whether nan and infinity have no form."""
    columns_out: tuple[str, ...]
    """The columns that CSV or TSV has first."""
    schema: Path | None
    """A Parquet file whose columns and types the output has."""

    @classmethod
    def of(cls, settings: Mapping[str, Any], *, schema: Path | None = None) -> Self:
        """Return the form that a run's fingerprint holds, which says of a schema its text only."""
        output_format, dot, compression = settings["output_format"].partition(".")
        return cls(
            output_format=output_format,
            compression=dot + compression,
            record=settings.get("record") or "full",
            defuse=bool(settings.get("defuse_formulas")),
            delimiter=settings.get("output_delimiter") or DELIMITERS.get(output_format, ","),
            bom=bool(settings.get("bom")),
            with_item=bool(settings.get("with_item")),
            strict=bool(settings.get("strict")),
            columns_out=tuple(settings.get("columns_out") or ()),
            schema=schema,
        )

    def stdout_sink(self, descriptor: int) -> Sink:
        """Return the sink that writes JSON Lines in this form to a file descriptor."""
        return StdoutSink(
            descriptor, record=self.record, with_item=self.with_item, strict=self.strict
        )

    def sink(self, output: Path | OutputLease | TableOutput, model: Any = None) -> Sink:
        """Return the sink that writes an output in this form, as `open_sink` does."""
        return open_sink(
            output,
            f"{self.output_format}{self.compression}",
            record=self.record,
            defuse=self.defuse,
            delimiter=self.delimiter,
            bom=self.bom,
            with_item=self.with_item,
            model=model,
            schema=self.schema,
            strict=self.strict,
            columns=self.columns_out,
        )

    def reader(self, path: Path, commits: Iterable[tuple[int, int]]) -> ResultReader:
        """Return the reader of an output in this form, as `open_reader` does."""
        return open_reader(
            path,
            self.output_format,
            commits,
            delimiter=self.delimiter,
            compression=self.compression,
        )

    def opened(self, path: Path) -> BinaryIO:
        """Return the text of an output, decompressed."""
        return opened_text(path, self.compression)

    def text_bytes(self, path: Path) -> tuple[int, int]:
        """Return how much text an output holds, and how many bytes are no part of it."""
        return text_bytes(path, self.compression)
