"""The sink for an output format."""

from __future__ import annotations

from pathlib import Path

from utils.checks import near_names
from utils.errors import UsageError
from utils.formats import OUTPUT_FORMATS
from utils.sinks._csv import CsvSink
from utils.sinks._files import AppendedFile
from utils.sinks._json_lines import JsonLinesSink
from utils.sinks._parquet import ParquetSink
from utils.sinks._parquet_parts import LocalParquetParts, StoredParquetParts
from utils.sinks._sink import Sink
from utils.sinks._stored_text import StoredText
from utils.stored_outputs import StoredOutput

__all__ = ["open_sink"]


def open_sink(
    output: Path | StoredOutput, output_format: str, *, record: str = "full", defuse: bool = False
) -> Sink:
    """Return the sink that writes `output`; nothing is touched before its `start`.

    `record` is `full` or `result` and says what a line of JSON Lines holds; CSV and Parquet always
    hold the results alone. `defuse` keeps a spreadsheet from taking a CSV cell for a formula.
    Raises `UsageError` for an unknown format and when Parquet's library is missing.
    """
    if output_format not in OUTPUT_FORMATS:
        raise UsageError(
            f"the output format must be one of {', '.join(OUTPUT_FORMATS)}, "
            f"got {output_format!r:.60}{near_names(output_format, OUTPUT_FORMATS)}"
        )
    if output_format == "parquet":
        return ParquetSink(
            StoredParquetParts(output)
            if isinstance(output, StoredOutput)
            else LocalParquetParts(output)
        )
    file = (
        StoredText(output, f".{output_format}")
        if isinstance(output, StoredOutput)
        else AppendedFile(output)
    )
    return (
        CsvSink(file, defuse=defuse)
        if output_format == "csv"
        else JsonLinesSink(file, record=record)
    )
