"""The rooms of the workbook, each usable without a graph; this door loads names when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from utils.mapping import parallel_map, stream_map
    from utils.processing import BatchProcessor

__all__ = ["BatchProcessor", "parallel_map", "stream_map"]

_ROOMS = {
    "BatchProcessor": "utils.processing",
    "parallel_map": "utils.mapping",
    "stream_map": "utils.mapping",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ROOMS[name]), name)
