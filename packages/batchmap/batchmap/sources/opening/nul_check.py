"""Refuses what is no UTF-8 text for the NULs in it: UTF-16, texts between NULs, binary data."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

from batchmap.errors import InputError

__all__ = ["without_nuls", "without_utf_16"]

_LOOKED_AT_BYTES = 8000
"""As many as Git and grep look at to tell text from other data."""

_UTF_32 = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SEEN_BYTES = 4


def without_nuls(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield the blocks; raises `InputError` where the first bytes hold more NULs than line ends.

    Fewer may be in a text. The first `_LOOKED_AT_BYTES` are looked at, and
    held back from the first NUL on.
    """
    blocks, size, held = without_utf_16(blocks, name), 0, b""
    for block in blocks:
        size += len(block)
        if held or b"\0" in block[: _LOOKED_AT_BYTES - size + len(block)]:
            held += block
        else:
            yield block
        if size >= _LOOKED_AT_BYTES:
            break
    start = held[: _LOOKED_AT_BYTES - size + len(held)]
    if start.count(b"\0") > start.count(b"\n"):
        _close(blocks)
        raise InputError(
            f"{name}: byte {size - len(held) + start.index(0) + 1} of it is NUL, so it is no UTF-8 "
            "text",
            advice="{input_format:nul} reads texts between NULs, {encoding:utf-16} UTF-16",
        )
    if held:
        yield held
    yield from blocks


def without_utf_16(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield the blocks; raises `InputError` where they begin as UTF-16 or UTF-32 does."""
    blocks, start = iter(blocks), b""
    for block in blocks:
        start += block
        if len(start) >= _SEEN_BYTES or not (start[:1] in (b"\xff", b"\xfe") or b"\0" in start):
            break
    if encoding := _encoding_of(start):
        _close(blocks)
        raise InputError(
            f"{name}: is {encoding.upper()}, and UTF-8 is expected",
            advice=f"{{encoding:{encoding}}} reads it",
        )
    if start:
        yield start
    yield from blocks


def _close(blocks: Iterator[bytes]) -> None:
    """Close the file that the blocks are read from, which the error might keep open."""
    if isinstance(blocks, Generator):
        blocks.close()


def _encoding_of(start: bytes) -> str:
    if start.startswith(_UTF_32):
        return "utf-32"
    if start.startswith(_UTF_16):
        return "utf-16"
    # Without a mark, characters of two bytes are known by the NUL in each that is a Latin one.
    zeros = [byte == 0 for byte in start[:_SEEN_BYTES]]
    if zeros == [False, True, False, True]:
        return "utf-16-le"
    return "utf-16-be" if zeros == [True, False, True, False] else ""
