"""The formats of inputs and outputs by name, and the suffixes of their files."""

from __future__ import annotations

__all__ = [
    "INPUT_FORMATS",
    "INPUT_SUFFIXES",
    "MAX_RECORD_BYTES",
    "OUTPUT_FILES",
    "OUTPUT_FORMATS",
    "OUTPUT_SUFFIXES",
]

INPUT_FORMATS = ("text", "nul", "jsonl", "json", "csv", "tsv", "parquet", "xlsx", "files", "errors")

OUTPUT_FORMATS = ("jsonl", "csv", "parquet")

OUTPUT_SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}

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

MAX_RECORD_BYTES = 64 << 20
"""How long a line of an input may be where nothing else is asked for."""
