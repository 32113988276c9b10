"""The formats of inputs and outputs by name, and the suffixes of their files."""

from __future__ import annotations

__all__ = ["INPUT_FORMATS", "INPUT_SUFFIXES", "OUTPUT_FORMATS", "OUTPUT_SUFFIXES"]

INPUT_FORMATS = ("text", "jsonl", "json", "csv", "parquet", "errors")

OUTPUT_FORMATS = ("jsonl", "csv", "parquet")

OUTPUT_SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}

INPUT_SUFFIXES = OUTPUT_SUFFIXES | {".json": "json", ".tsv": "csv"}
"""Files of any other suffix are text."""
