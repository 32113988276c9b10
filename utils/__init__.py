"""The rooms of the workbook, each usable without a graph; this door loads names when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from utils.processing import BatchProcessor

__all__ = ["BatchProcessor"]

_ROOMS = {"BatchProcessor": "utils.processing"}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ROOMS[name]), name)
