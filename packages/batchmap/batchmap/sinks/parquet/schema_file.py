"""Reads the columns and types that an output is to have from a Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batchmap.errors import UsageError
from batchmap.sinks.parquet.types import pyarrow

__all__ = ["read_schema", "schema_text"]


def read_schema(path: Path) -> Any:
    """Return the schema of a Parquet file; raises `UsageError` where it is none."""
    try:
        schema = pyarrow("pyarrow.parquet").read_schema(path)
    except UsageError:
        raise
    except Exception as error:  # whatever pyarrow has for a file that is something else
        why = " ".join(str(error).split())
        raise UsageError(
            f"{path}: is not Parquet, or damaged ({why:.200}); name a Parquet file",
            option="schema",
        ) from error
    if not schema.names or len(set(schema.names)) < len(schema.names):
        raise UsageError(
            f"{path}: has no columns, or two of the same name; name another file", option="schema"
        )
    return schema


def schema_text(schema: Any) -> str:
    """Return the columns and types in words: the same for what an output cannot tell apart."""
    return ", ".join(f"{field.name} {field.type}" for field in schema)
