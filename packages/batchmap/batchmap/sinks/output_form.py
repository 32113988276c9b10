"""How results are written: the format of an output, and what its rows hold."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from batchmap.sinks.base import Commit, Sink
from batchmap.sinks.factory import open_sink
from batchmap.sinks.json_lines import StdoutSink
from batchmap.storage.formats import DELIMITERS
from batchmap.storage.output_lease import OutputLease
from batchmap.storage.part_files import parts_in
from batchmap.storage.table_output import TableOutput

if TYPE_CHECKING:
    from batchmap.sinks.read_back import ResultReader
    from batchmap.sinks.text_file.joined_parts import JoinedParts

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
    split_bytes: int | None
    """The size from which on a part file is followed by the next one, `None` for one file."""
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
            split_bytes=settings.get("split_size_bytes"),
            schema=schema,
        )

    @property
    def part_suffix(self) -> str:
        """The suffix of the part files of an output that is split."""
        return f".{self.output_format}{self.compression}"

    def number_of_parts(self, path: Path) -> int | None:
        """Return how many part files an output has, `None` for one that is not split."""
        return None if self.split_bytes is None else len(parts_in(path, self.part_suffix))

    def as_one_file(self) -> Self:
        """Return the form of an output that holds the same in one file."""
        return replace(self, split_bytes=None)

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
            split_bytes=self.split_bytes,
        )

    def reader(self, path: Path, commits: Iterable[Commit]) -> ResultReader:
        """Return the reader of an output in this form, as `open_reader` does."""
        from batchmap.sinks.read_back import open_reader  # which few runs need

        return open_reader(
            path,
            self.output_format,
            commits,
            opened=self.opened,
            delimiter=self.delimiter,
        )

    def opened(self, path: Path) -> BinaryIO:
        """Return the text of an output, decompressed, as a file that can be read from anywhere."""
        if self.split_bytes is None:
            from batchmap.sinks.text_file.compressed_file import opened_text

            return opened_text(path, self.compression)
        from batchmap.sinks.text_file.compressed_frames import FRAME_BYTES

        return io.BufferedReader(self._joined(path), FRAME_BYTES)

    def text_bytes(self, path: Path) -> tuple[int, int]:
        """Return how much text an output holds, and how many bytes are no part of it."""
        if self.split_bytes is None:
            from batchmap.sinks.text_file.compressed_file import text_bytes

            return text_bytes(path, self.compression)
        with self._joined(path) as text:
            apart = set(parts_in(path, self.part_suffix).values()) - set(text.paths)
            return text.size, sum(text.other_bytes) + sum(part.stat().st_size for part in apart)

    def _joined(self, path: Path) -> JoinedParts:
        from batchmap.sinks.text_file.joined_parts import joined_parts

        has_header = self.output_format in DELIMITERS
        return joined_parts(path, self.part_suffix, self.compression, has_header=has_header)
