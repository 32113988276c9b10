"""Decompresses Zstandard data as it streams in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from batchmap.optional import require

__all__ = ["require_zstandard", "zstd_blocks"]

_FRAME = b"\x28\xb5\x2f\xfd"
_SKIPPED_FRAME = b"\x2a\x4d\x18"
_MARK_BYTES = 4

_MIN_PACKED_BYTES = 1 << 10
_MAX_PACKED_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 18

_MAX_WINDOW_BYTES = 1 << 31
"""What `zstd --long=31` asks for, the most there is; only data that does takes so much memory."""


def require_zstandard() -> Any:
    """Return the module `zstandard`, or raise a `UsageError` that says how to install it."""
    return require("zstandard", None, "reading .zst")


def _begins_frame(packed: bytes) -> bool:
    """Tell whether bytes are the beginning of a frame, or of one to be skipped."""
    return packed.startswith(_FRAME) or (packed[0] >> 4 == 5 and packed[1:4] == _SKIPPED_FRAME)


def zstd_blocks(read: Callable[[int], bytes], warn: Callable[[str], None]) -> Iterator[bytes]:
    """Yield the decompressed bytes of all frames, one frame after the other.

    `read` returns at most as many bytes as asked for, none at the end. What stands behind a frame
    and is no other is passed over; `warn` is told, but for zeros. Raises `EOFError` when
    the last frame is cut off, `zstandard.ZstdError` when the data is damaged,
    and `MemoryError` where there is not as much memory as the data asks for.
    """
    zstandard = require_zstandard()
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
    frame: Any = None
    is_first = True
    packed_bytes = _MIN_PACKED_BYTES
    while packed := read(packed_bytes):
        unpacked_bytes = 0
        while packed:
            if frame is None and not is_first:
                packed = packed.lstrip(b"\0")
                while packed and len(packed) < _MARK_BYTES and (more := read(packed_bytes)):
                    packed += more
                if packed and not _begins_frame(packed):
                    warn("bytes follow that are not Zstandard; they are left out")
                    return
                if not packed:
                    break
            is_first = False
            frame = frame or decompressor.decompressobj()
            unpacked = frame.decompress(packed)
            for start in range(0, len(unpacked), _BLOCK_BYTES):
                yield unpacked[start : start + _BLOCK_BYTES]
            unpacked_bytes += len(unpacked)
            packed = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
        # All that one read decompresses to is in memory at once, perhaps 10,000 times as much.
        if unpacked_bytes > _BLOCK_BYTES:
            packed_bytes = max(_MIN_PACKED_BYTES, packed_bytes // 2)
        else:
            packed_bytes = min(_MAX_PACKED_BYTES, packed_bytes * 2)
    if frame is not None:
        raise EOFError
