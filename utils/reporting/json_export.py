"""Reports as JSON."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

from batchmap.records import as_mapping

__all__ = ["export_document", "json_text"]


def json_text(document: Mapping[str, Any]) -> str:
    """Return `document` as strict JSON: records as objects, other unknown things as text."""
    return json.dumps(document, indent=2, default=_plainer, allow_nan=False) + "\n"


def export_document(
    command: str, settings: Any, machine: Mapping[str, Any], shared: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what an export holds of a run: its settings and all figures of the shared store."""
    figures = ("plan", "analysis", "sequential_metrics", "parallel_metrics")
    traces = {
        phase: shared[f"{phase}_trace"]
        for phase in ("sequential", "parallel")
        if f"{phase}_trace" in shared
    }
    return {
        "command": command,
        "settings": settings,
        "machine": machine,
        **{key: shared[key] for key in figures if key in shared},
        "timeline": traces,
    }


def _plainer(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return as_mapping(value)
    if isinstance(value, array):
        return value.tolist()
    return str(value)
