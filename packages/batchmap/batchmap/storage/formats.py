"""The formats of inputs and outputs by name, and the suffixes of their files."""

from __future__ import annotations

from pathlib import PurePath

__all__ = [
    "COMPRESSIONS",
    "DELIMITERS",
    "INPUT_FORMATS",
    "INPUT_SUFFIXES",
    "MAX_RECORD_BYTES",
    "OUTPUT_FILES",
    "OUTPUT_FORMATS",
    "OUTPUT_SUFFIXES",
    "TEXT_FORMATS",
    "output_suffixes",
]

INPUT_FORMATS = ("text", "nul", "jsonl", "json", "csv", "tsv", "parquet", "xlsx", "files", "errors")

OUTPUT_FORMATS = ("jsonl", "csv", "tsv", "parquet")

TEXT_FORMATS = ("jsonl", "csv", "tsv")
"""Those of output that are text, which can be compressed."""

DELIMITERS = {"csv": ",", "tsv": "\t"}
"""What stands between the cells of each format of rows of text."""

OUTPUT_SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
}

COMPRESSIONS = (".gz", ".zst")
"""The suffixes of compressed text, after that of its format."""

OUTPUT_FILES = f"{', '.join(f'.{name}' for name in OUTPUT_FORMATS[:-1])} or .{OUTPUT_FORMATS[-1]}"
"""The usual suffix of each output format, for messages."""

INPUT_SUFFIXES = OUTPUT_SUFFIXES | {
    ".json": "json",
    ".tsv": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}
"""What a run writes can be read again: the suffixes of outputs are among these. A new output format
therefore also needs a source, and its name in `INPUT_FORMATS`."""


def output_suffixes(name: str) -> tuple[str, str]:
    """Return the suffix by which a file's name tells its format, and that of its compression."""
    before, last = ["", "", *PurePath(name.lower()).suffixes][-2:]
    return (before, last) if last in COMPRESSIONS else (last, "")


MAX_RECORD_BYTES = 64 << 20
"""How long a line of an input may be where nothing else is asked for."""
