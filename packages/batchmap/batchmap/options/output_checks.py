"""Which options of an output go together: the same on the command line and in a call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from batchmap.options.locations import A_DIRECTORY
from batchmap.options.reader import OptionReader
from batchmap.storage import StoreUrl, journal_path
from batchmap.storage.formats import DELIMITERS, OUTPUT_SUFFIXES, TEXT_FORMATS, output_suffixes
from batchmap.storage.table_url import TableUrl

__all__ = ["check_output"]


def check_output(reader: OptionReader, values: dict[str, Any]) -> None:
    """Report options that make no sense with the format of the output."""
    output, label = values["output"], reader.label
    _check_split(reader, values)
    if isinstance(output, TableUrl):
        _check_table(reader, values, output)
        return
    compression = "" if output is None else output_suffixes(output.name)[1]
    output_format = _format_of(values)
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
    many = next((name for name in ("expand", "skip_none") if values[name]), None)
    if many is not None and values["split_size_bytes"] is not None and output_format == "parquet":
        reader.error(
            f"{label('split_size_bytes')}: part files of Parquet may end between two results of "
            f"one item, which {label(many)} keeps together; leave one out, or write jsonl or csv"
        )
    if compression and output_format not in TEXT_FORMATS:
        reader.error(
            f"{label('output')} {output}: {output_format} is compressed within; "
            f"leave {compression} out"
        )


def _format_of(values: dict[str, Any]) -> str | None:
    """Return the format that is asked for, or that the output's name tells; `None` for neither."""
    output = values["output"]
    if values["output_format"] or output is None:
        return values["output_format"] or "jsonl"
    return OUTPUT_SUFFIXES.get(output_suffixes(output.name)[0])


def _check_split(reader: OptionReader, values: dict[str, Any]) -> None:
    """Report part files where there can be none, and a directory that is not of them."""
    output, name = values["output"], "split_size_bytes"
    where = f"{reader.label('output')} {output}"
    if values[name] is None:
        if reader.raw(name) is not None or not isinstance(output, Path):
            return
        if str(reader.raw("output")).endswith(os.sep) and not output.is_dir():
            reader.error(
                f"{where}{os.sep}: a directory; name a file in it, or have part files made "
                f"with {reader.label(name)}"
            )
        elif output.is_dir():
            is_split = bool(output.name) and journal_path(output).exists()
            way_out = f"goes on with the part files in it by {reader.label(name)}"
            reader.error(f"{where}: {A_DIRECTORY}" + f"; a run {way_out}" * is_split)
        return
    label = f"{reader.label(name)} {reader.raw(name)}"
    if output is None:
        if reader.raw("output") in (None, "-"):
            reader.error(f"{label}: standard output is not split; name a directory of this machine")
    elif isinstance(output, StoreUrl):
        what = "a table" if isinstance(output, TableUrl) else "an output in a store"
        reader.error(
            f"{label}: {output} is {what}, which is not split; name a directory of this machine"
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
