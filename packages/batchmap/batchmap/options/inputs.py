"""Which options several inputs need, and which exclude each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchmap.options.reader import OptionReader

__all__ = ["check_inputs", "check_seed"]


def check_inputs(reader: OptionReader, values: Mapping[str, Any]) -> None:
    """Report inputs that cannot be taken together as the options ask."""
    rows, input_format = reader.label("rows"), reader.label("input_format")
    takes_files = values["input_format"] == "files"
    if values["rows"] and takes_files:
        reader.error(
            f"{input_format} files: its items are paths, and {rows} reads what is in the files; "
            "give one of them"
        )
    if values["sample"] is not None and values["limit"] is not None:
        reader.error(
            f"{reader.label('limit')} takes the first items and {reader.label('sample')} some of "
            "all; give one of them"
        )
    key, select = values.get("key"), values["select"]  # where no journal is, none has a key
    if key is not None and select is not None and key not in select:
        reader.error(
            f"{reader.label('key')} {key:.60}: {reader.label('select')} leaves it out; name it "
            "there, too"
        )
    if values["more_sources"] and not (values["rows"] or takes_files):
        named = [values["source"], *values["more_sources"]]
        reader.error(
            f"{len(named)} INPUTs, {named[0]!s:.60} to {named[-1]!s:.60}: {rows} takes the rows "
            f"of all these files, {input_format} files their paths; a pattern needs quotes to be "
            "one INPUT"
        )


def check_seed(reader: OptionReader, values: Mapping[str, Any]) -> None:
    """Report a seed that nothing follows from."""
    if values["sample"] is None and reader.raw("seed") is not None:
        label, sample = reader.label("seed"), reader.label("sample")
        reader.error(f"{label} says which items {sample} takes; add {sample}, or leave it out")
