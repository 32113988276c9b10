"""Decompresses data as it streams in: gzip, bzip2, xz and Zstandard."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from batchmap.sources.opening.zstd import require_zstandard, zstd_blocks

__all__ = ["COMPRESSIONS", "DECOMPRESSORS", "DamagedError"]

_PACKED_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 18

Read = Callable[[int], bytes]
"""Returns at most as many bytes as it is asked for, none at the end."""


class DamagedError(Exception):
    """The data is not what its compression should make; the message says what was found."""


def _gzip_blocks(read: Read, warn: Callable[[str], None]) -> Iterator[bytes]:
    """Yield the decompressed bytes of all members, one after the other.

    What stands behind the last one and is no other, as some programs leave it, is passed over;
    `warn` is told, but for zeros. Raises `EOFError` for data that is cut off, `DamagedError` for
    data that is damaged.
    """
    packed, members = read(_PACKED_BYTES), 0
    while packed or (packed := read(_PACKED_BYTES)):
        if members:
            packed = packed.lstrip(b"\0")
            if len(packed) == 1:
                packed += read(_PACKED_BYTES)
            if packed and not packed.startswith(b"\x1f\x8b"):
                warn("bytes follow that are not gzip; they are left out")
                return
            if not packed:
                continue
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        while not member.eof:
            if not packed and not (packed := read(_PACKED_BYTES)):
                raise EOFError
            try:
                unpacked = member.decompress(packed, _BLOCK_BYTES)
            except zlib.error as error:
                raise DamagedError(f"{error}") from error
            packed = member.unconsumed_tail
            if unpacked:
                yield unpacked
        packed, members = member.unused_data, members + 1


def _members(
    begin: Callable[[], Any], mark: bytes, noun: str, read: Read, warn: Callable[[str], None]
) -> Iterator[bytes]:
    """Yield the same for decompressors of `bz2` and `lzma`; a member begins with `mark`."""
    packed, members = read(_PACKED_BYTES), 0
    while packed or (packed := read(_PACKED_BYTES)):
        if members:
            packed = packed.lstrip(b"\0")
            while packed and len(packed) < len(mark) and (more := read(_PACKED_BYTES)):
                packed += more
            if packed and not packed.startswith(mark):
                warn(f"bytes follow that are not {noun}; they are left out")
                return
            if not packed:
                continue
        member = begin()
        while not member.eof:
            if not packed and member.needs_input and not (packed := read(_PACKED_BYTES)):
                raise EOFError
            try:
                unpacked = member.decompress(packed, _BLOCK_BYTES)
            except (OSError, ValueError) as error:
                raise DamagedError(f"{error}") from error
            packed = b""
            if unpacked:
                yield unpacked
        packed, members = member.unused_data, members + 1


def _bzip2_blocks(read: Read, warn: Callable[[str], None]) -> Iterator[bytes]:
    import bz2  # which takes a while to load, as does the next one

    return _members(bz2.BZ2Decompressor, b"BZh", "bzip2", read, warn)


def _xz_blocks(read: Read, warn: Callable[[str], None]) -> Iterator[bytes]:
    import lzma

    def begin() -> Any:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ)

    try:
        yield from _members(begin, b"\xfd7zXZ\x00", "xz", read, warn)
    except lzma.LZMAError as error:
        raise DamagedError(f"{error}") from error


def _zstandard_blocks(read: Read, warn: Callable[[str], None]) -> Iterator[bytes]:
    try:
        yield from zstd_blocks(read, warn)
    except require_zstandard().ZstdError as error:
        raise DamagedError(f"{error}") from error


DECOMPRESSORS: Mapping[str, Callable[[Read, Callable[[str], None]], Iterator[bytes]]] = {
    ".gz": _gzip_blocks,
    ".bz2": _bzip2_blocks,
    ".xz": _xz_blocks,
    ".zst": _zstandard_blocks,
}
"""By suffix: each yields the decompressed bytes that `read` gives."""

COMPRESSIONS = tuple(DECOMPRESSORS)
