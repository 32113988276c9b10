"""Which options several inputs need, and which exclude each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchmap.options.reader import OptionReader

__all__ = ["check_inputs"]


def check_inputs(reader: OptionReader, values: Mapping[str, Any]) -> None:
    """Report inputs that cannot be taken together as the options ask."""
    rows, input_format = reader.label("rows"), reader.label("input_format")
    takes_files = values["input_format"] == "files"
    if values["rows"] and takes_files:
        reader.error(
            f"{input_format} files: its items are paths, and {rows} reads what is in the files; "
            "give one of them"
        )
    if values["more_sources"] and not (values["rows"] or takes_files):
        reader.error(
            f"{1 + len(values['more_sources'])} INPUTs: {rows} takes the rows of all these files, "
            f"{input_format} files their paths; a pattern needs quotes to be one INPUT"
        )
