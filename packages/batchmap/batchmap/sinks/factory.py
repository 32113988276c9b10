"""Opens the sink for an output format.

To add a sink: write a module with a class that keeps the promises of `Sink` (`sinks/base.py`); name
the format and its suffix in `storage/formats.py`; open it here. The contract in
`tests/test_sinks.py` runs for every output format, once its `read_back` can read the new one.
A sink that appends text writes to a `GrowingText` (`sinks/text_file/append_file.py`), of which
there is one for files and one for stores. A package that it needs is imported by
`batchmap.optional.require`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from batchmap.errors import UsageError
from batchmap.sinks.base import Sink
from batchmap.sinks.csv.rows import CsvSink
from batchmap.sinks.json_lines import JsonLinesSink
from batchmap.sinks.text_file.append_file import AppendedFile, GrowingText
from batchmap.storage import OUTPUT_FORMATS
from batchmap.storage.formats import DELIMITERS
from batchmap.storage.output_lease import OutputLease
from batchmap.storage.table_output import TableOutput
from batchmap.text import near_names

__all__ = ["open_sink"]


def open_sink(
    output: Path | OutputLease | TableOutput,
    output_format: str,
    *,
    record: str = "full",
    defuse: bool = False,
    delimiter: str = "",
    bom: bool = False,
    with_item: bool = False,
    model: Any = None,
    schema: Path | None = None,
    strict: bool = False,
    columns: Sequence[str] = (),
    split_bytes: int | None = None,
) -> Sink:
    """Return the sink that writes `output`; no file is touched before its `start`.

    The format of compressed text ends with a suffix of `COMPRESSIONS`: `jsonl.gz`.

    `record` is `full` or `result` and says what a line of JSON Lines holds; CSV and Parquet always
    hold the results alone. `defuse` keeps a spreadsheet from taking a CSV cell for a formula.
    `delimiter` stands between two cells, by default that of the format; `bom` is a byte order mark
    before the first. With `with_item`, a row holds the item's columns, then the result's.
    `model` is a schema of pyarrow: the types that columns of Parquet have where they can.
    `schema` is a Parquet file: the columns and types that Parquet has whatever the results are.
    With `strict`, nan and infinity fail, which are `null` in JSON otherwise. `columns` are the
    first ones that CSV has. With `split_bytes`, `output` is a directory of part files, each of
    which ends where it reaches that size. Raises `UsageError` for an unknown format, for a `schema`
    that is not Parquet, and when the package for Parquet is missing.
    """
    # What few runs need is imported by these.
    if isinstance(output, TableOutput):
        from batchmap.sinks.table.rows import TableSink

        return TableSink(output, with_item=with_item, strict=strict)
    output_format, dot, packing = output_format.partition(".")
    if output_format not in OUTPUT_FORMATS:
        raise UsageError(
            f"the output format must be one of {', '.join(OUTPUT_FORMATS)}, "
            f"got {output_format!r:.60}{near_names(output_format, OUTPUT_FORMATS)}"
        )
    if output_format == "parquet":
        from batchmap.sinks.parquet.parts import (
            LocalParquetParts,
            ParquetParts,
            StoreParquetParts,
        )
        from batchmap.sinks.parquet.rows import ParquetSink
        from batchmap.sinks.parquet.schema_file import read_schema
        from batchmap.sinks.parquet.split_parts import SplitParquetParts

        parts: ParquetParts
        if isinstance(output, OutputLease):
            parts = StoreParquetParts(output)
        else:
            parts = LocalParquetParts(output) if split_bytes is None else SplitParquetParts(output)
        return ParquetSink(
            parts,
            model if schema is None else read_schema(schema),
            is_given=schema is not None,
            strict=strict,
            with_item=with_item,
            split_bytes=split_bytes,
        )
    file: GrowingText
    if isinstance(output, OutputLease):
        from batchmap.sinks.text_file.store_text import StoreText

        file = StoreText(output, f".{output_format}", dot + packing)
    elif split_bytes is not None:
        from batchmap.sinks.text_file.split_file import SplitFile

        file = SplitFile(
            output,
            f".{output_format}{dot}{packing}",
            dot + packing,
            split_bytes,
            has_header=output_format in DELIMITERS,
        )
    elif packing:
        from batchmap.sinks.text_file.compressed_file import CompressedFile

        file = CompressedFile(output, dot + packing)
    else:
        file = AppendedFile(output)
    if output_format in DELIMITERS:
        return CsvSink(
            file,
            defuse=defuse,
            delimiter=delimiter or DELIMITERS[output_format],
            bom=bom,
            with_item=with_item,
            strict=strict,
            columns=columns,
        )
    if output_format == "jsonl":
        return JsonLinesSink(file, record=record, with_item=with_item, strict=strict)
    raise NotImplementedError(f"no sink writes {output_format}")
