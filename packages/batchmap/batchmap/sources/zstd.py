"""Zstandard data unpacked while it streams in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from batchmap.sources.base import needed

__all__ = ["needed_zstandard", "zstd_blocks"]

_LEAST_PACKED_BYTES = 1 << 10
_MOST_PACKED_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 18


def needed_zstandard() -> Any:
    """Return the module `zstandard`, or raise a `UsageError` that tells how to get it."""
    return needed("zstandard", "zstandard", "reading .zst")


def zstd_blocks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield what the bytes unpack to, all frames after each other.

    `read` returns at most as many bytes as asked for, none at the end. Raises `EOFError` when
    the last frame is cut off, and `zstandard.ZstdError` when the data is damaged.
    """
    decompressor = needed_zstandard().ZstdDecompressor()
    frame: Any = None
    packed_bytes = _LEAST_PACKED_BYTES
    while packed := read(packed_bytes):
        unpacked_bytes = 0
        while packed:
            frame = frame or decompressor.decompressobj()
            unpacked = frame.decompress(packed)
            for start in range(0, len(unpacked), _BLOCK_BYTES):
                yield unpacked[start : start + _BLOCK_BYTES]
            unpacked_bytes += len(unpacked)
            packed = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
        # All that it unpacks to is in memory at once, and may be a ten-thousandfold.
        if unpacked_bytes > _BLOCK_BYTES:
            packed_bytes = max(_LEAST_PACKED_BYTES, packed_bytes // 2)
        else:
            packed_bytes = min(_MOST_PACKED_BYTES, packed_bytes * 2)
    if frame is not None:
        raise EOFError
