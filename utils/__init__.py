"""The workbook: what its demonstration adds to the library `batchmap`.

The library's own `BatchProcessor`, `parallel_map` and `stream_map` are handed on from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchmap import BatchProcessor, parallel_map, stream_map

__all__ = ["BatchProcessor", "parallel_map", "stream_map"]


if not TYPE_CHECKING:  # a type checker would take any name for one that is there

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import batchmap

        return getattr(batchmap, name)
