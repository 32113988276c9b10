"""Writes what is known of a run as JSON, and exports to files."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from batchmap.command.provenance import Provenance
from batchmap.concurrency import WorkerBounds
from batchmap.errors import OutputError
from batchmap.mapping_record import as_mapping
from batchmap.rates import Rate
from batchmap.storage import write_whole

__all__ = ["export_document", "json_text", "write_export"]

_FIGURES = ("plan", "analysis", "sequential_metrics", "parallel_metrics")
_PHASES = ("sequential", "parallel")


def export_document(
    command: str,
    settings: Any,
    machine: Mapping[str, Any],
    figures: Mapping[str, Any],
    provenance: Provenance,
) -> dict[str, Any]:
    """Return what an export holds of a run or a comparison, for `json_text` to write.

    The fields of `provenance` stand beside `command`, the subcommand. Of `figures` it takes what
    is there of `plan`, `analysis`, `sequential_metrics` and `parallel_metrics`, and
    `sequential_trace` and `parallel_trace` as the `timeline`; other keys are left out.
    """
    return {
        "command": command,
        **as_mapping(provenance),
        "settings": settings,
        "machine": machine,
        **{key: figures[key] for key in _FIGURES if key in figures},
        "timeline": {
            phase: figures[f"{phase}_trace"] for phase in _PHASES if f"{phase}_trace" in figures
        },
    }


def json_text(document: Mapping[str, Any]) -> str:
    """Return `document` as strict JSON, indented, with a line feed at its end.

    Records become objects, arrays of numbers lists, and what else JSON does not know becomes text.
    Raises `ValueError` for a number that is not finite.
    """
    return json.dumps(document, indent=2, default=_jsonable, allow_nan=False) + "\n"


def write_export(path: Path, text: str, *, option: str) -> None:
    """Write `text` to `path` whole or not at all; `option` is the flag that asked for it.

    Raises `OutputError`, which names the flag and the file, when it cannot be written.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise OutputError(
            f"{option} {path}: cannot be written ({error.strerror}); name another file"
        ) from error


def _jsonable(value: Any) -> Any:
    if isinstance(value, Rate | WorkerBounds):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return as_mapping(value)
    if isinstance(value, array):
        return value.tolist()
    return format(value)
