"""Refuses what is no UTF-8 text for the NULs in it: UTF-16, texts between NULs, binary data."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator

from batchmap.errors import InputError

__all__ = ["without_nuls", "without_utf_16"]

_LOOKED_AT_BYTES = 8000
"""As many as Git and grep look at to tell text from other data."""

_UTF_32 = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SEEN_BYTES = 4
_BY_ZEROS: dict[tuple[bool, ...], str] = {
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
}
"""The encoding by which of the first bytes are NUL."""

_Check = Callable[[bytes, int, str], InputError | None]
"""Gets the first bytes that are held back, how many came before them, and the input's name."""


def without_nuls(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield the blocks; raises `InputError` where the first bytes hold more NULs than line ends.

    Fewer may be in a text. UTF-16 and UTF-32 are refused as what they are.
    """
    return _checked(blocks, name, (_utf_16, _nuls))


def without_utf_16(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield the blocks; raises `InputError` where they begin as UTF-16 or UTF-32 does."""
    return _checked(blocks, name, (_utf_16,))


def _checked(blocks: Iterable[bytes], name: str, checks: Iterable[_Check]) -> Iterator[bytes]:
    """Yield the blocks; raises the error that a check returns.

    The first `_LOOKED_AT_BYTES` are looked at, and held back from the first NUL or mark on.
    """
    blocks, before, held = iter(blocks), 0, b""
    for block in blocks:
        held += block
        is_marked = not before and (held.startswith(_UTF_16) or held in (b"\xff", b"\xfe"))
        if b"\0" not in held[: _LOOKED_AT_BYTES - before] and not is_marked:
            yield held
            before, held = before + len(held), b""
        if before + len(held) >= _LOOKED_AT_BYTES:
            break
    start = held[: _LOOKED_AT_BYTES - before]
    for check in checks:
        if start and (error := check(start, before, name)) is not None:
            _close(blocks)
            raise error
    if held:
        yield held
    yield from blocks


def _close(blocks: Iterator[bytes]) -> None:
    """Close the file that the blocks are read from, which the error might keep open."""
    if isinstance(blocks, Generator):
        blocks.close()


def _nuls(start: bytes, before: int, name: str) -> InputError | None:
    if start.count(b"\0") <= start.count(b"\n"):
        return None
    return InputError(
        f"{name}: byte {before + start.index(0) + 1} of it is NUL, so it is no UTF-8 text",
        advice="{input_format:nul} reads texts between NULs, {encoding:utf-16} UTF-16",
    )


def _utf_16(start: bytes, before: int, name: str) -> InputError | None:
    encoding = ("" if before else _told_by_mark(start)) or _told_by_lines(start, before)
    if not encoding:
        return None
    return InputError(
        f"{name}: is {encoding.upper()}, and UTF-8 is expected",
        advice=f"{{encoding:{encoding}}} reads it",
    )


def _told_by_mark(start: bytes) -> str:
    """Return the encoding by its mark, or by its first two characters where these are Latin."""
    if start.startswith(_UTF_32):
        return "utf-32"
    if start.startswith(_UTF_16):
        return "utf-16"
    # Without a mark, longer characters are known by the NULs in each that is a Latin one.
    return _BY_ZEROS.get(tuple(byte == 0 for byte in start[:_SEEN_BYTES]), "")


def _told_by_lines(start: bytes, before: int) -> str:
    """Return the encoding of text in other letters, where a NUL stands beside the line ends.

    All NULs are then in the same half of the characters. One alone says nothing.
    """
    start = start[before % 2 :]
    even, odd = start[::2], start[1::2]
    for encoding, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if b"\0" in low or high.count(b"\0") < 2:
            continue
        ends = sum(1 for pair in zip(low, high, strict=False) if pair == (10, 0))
        if ends > start.count(b"\n") - ends:  # letters may have such a byte, too
            return encoding
    return ""
