"""Which options of an output go together: the same on the command line and in a call."""

from __future__ import annotations

from typing import Any

from batchmap.options.reader import OptionReader
from batchmap.storage import StoreUrl
from batchmap.storage.formats import DELIMITERS, OUTPUT_SUFFIXES, TEXT_FORMATS, output_suffixes
from batchmap.storage.table_url import TableUrl

__all__ = ["check_output"]


def check_output(reader: OptionReader, values: dict[str, Any]) -> None:
    """Report options that make no sense with the format of the output."""
    output, label = values["output"], reader.label
    if isinstance(output, TableUrl):
        _check_table(reader, values, output)
        return
    suffix, compression = ("", "") if output is None else output_suffixes(output.name)
    output_format = values["output_format"] or (
        "jsonl" if output is None else OUTPUT_SUFFIXES.get(suffix)
    )
    if output_format is None:  # which is reported elsewhere
        return
    for name in ("output_delimiter", "bom", "defuse_formulas"):
        if reader.raw(name) and output_format not in DELIMITERS:
            reader.error(f"{label(name)}: is for CSV and TSV, not {output_format}; leave it out")
    if values["columns_out"] and output_format not in DELIMITERS:
        reader.error(
            f"{label('columns_out')}: {output_format} takes any columns at any time; leave it out"
        )
    if values["with_item"] and output_format == "jsonl" and reader.raw("record") == "full":
        reader.error(f"{label('with_item')}: a full record holds the item already; leave one out")
    if compression and output_format not in TEXT_FORMATS:
        reader.error(
            f"{label('output')} {output}: {output_format} is compressed within; "
            f"leave {compression} out"
        )
    elif compression and isinstance(output, StoreUrl):
        reader.error(
            f"{label('output')} {output}: an output in a store is not compressed; "
            f"leave {compression} out, or name a file of this machine"
        )


def _check_table(reader: OptionReader, values: dict[str, Any], output: TableUrl) -> None:
    for name in ("output_format", "output_delimiter", "bom", "defuse_formulas"):
        if reader.raw(name):
            reader.error(f"{reader.label(name)}: {output} is a table; leave it out")
    if reader.raw("columns_out"):
        reader.error(
            f"{reader.label('columns_out')}: a table takes any columns at any time; leave it out"
        )
    if reader.raw("record") == "full":
        reader.error(f"{reader.label('record')} full: a table holds results only; leave it out")
