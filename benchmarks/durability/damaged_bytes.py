"""Ways in which the bytes of a file come to harm."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable

__all__ = ["DAMAGES"]


def _place(data: bytes, draw: random.Random) -> int:
    """Return a place in the bytes; a third of all are near the end or near the start."""
    near = draw.choice(("anywhere", "anywhere", "anywhere", "anywhere", "start", "end"))
    if near == "start":
        return draw.randrange(min(len(data), 200))
    if near == "end":
        return len(data) - 1 - draw.randrange(min(len(data), 1500))
    return draw.randrange(len(data))


def _flip_a_bit(data: bytes, draw: random.Random) -> bytes:
    at = _place(data, draw)
    return data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :]


def _flip_many_bits(data: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.randint(2, 50)):
        data = _flip_a_bit(data, draw)
    return data


def _cut_the_end(data: bytes, draw: random.Random) -> bytes:
    return data[: _place(data, draw)]


def _cut_the_head(data: bytes, draw: random.Random) -> bytes:
    return data[_place(data, draw) :]


def _cut_the_middle(data: bytes, draw: random.Random) -> bytes:
    at = _place(data, draw)
    return data[:at] + data[at + draw.randint(1, max(1, len(data) // 3)) :]


def _overwrite(data: bytes, draw: random.Random) -> bytes:
    at = _place(data, draw)
    size = min(len(data) - at, draw.choice((1, 4, 100, 5000)))
    return data[:at] + draw.randbytes(size) + data[at + size :]


def _zero(data: bytes, draw: random.Random) -> bytes:
    """Return the bytes with a block of zeros, as a disk leaves it that lost a write."""
    at = _place(data, draw) // 512 * 512
    size = min(len(data) - at, draw.choice((512, 4096, len(data))))
    return data[:at] + bytes(size) + data[at + size :]


def _replace_a_line(data: bytes, draw: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    lines[draw.randrange(len(lines))] = draw.choice(lines)
    return b"".join(lines)


def _swap_two_lines(data: bytes, draw: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def _change_a_digit(data: bytes, draw: random.Random) -> bytes:
    digits = [at for at, byte in enumerate(data) if byte in b"0123456789"]
    if not digits:
        return data
    at = draw.choice(digits)
    return data[:at] + b"%d" % draw.randrange(10) + data[at + 1 :]


def _change_the_parts(data: bytes, draw: random.Random) -> bytes:
    """Return a merged Parquet file that says it is of another number of parts.

    One bit may do it. The number is in the metadata of the schema, which is encoded.
    """
    encoded = re.search(rb"ARROW:schema.{1,4}?([A-Za-z0-9+/]{100,}=*)", data, re.DOTALL)
    if encoded is None:
        return data
    schema = base64.b64decode(encoded[1][: len(encoded[1]) // 4 * 4])
    number = re.search(rb"\d(?=\0{3}\x05\0{3}parts)", schema)
    if number is None:
        return data
    other = draw.choice([digit for digit in b"123456789" if digit != number[0][0]])
    schema = schema[: number.start()] + bytes([other]) + schema[number.end() :]
    start = encoded.start(1)
    changed = base64.b64encode(schema)
    return data[:start] + changed + data[start + len(changed) :]


def _append_garbage(data: bytes, draw: random.Random) -> bytes:
    return data + draw.randbytes(draw.choice((1, 100, 10_000)))


def _duplicate_the_tail(data: bytes, draw: random.Random) -> bytes:
    return data + data[_place(data, draw) :]


def _swap_blocks(data: bytes, draw: random.Random) -> bytes:
    """Return the bytes with one block of 4,096 put where another one is."""
    blocks = (len(data) + 4095) // 4096
    source, target = draw.randrange(blocks) * 4096, draw.randrange(blocks) * 4096
    block = data[source : source + 4096]
    return data[:target] + block + data[target + len(block) :]


def _empty(data: bytes, draw: random.Random) -> bytes:
    return b""


def _remove(data: bytes, draw: random.Random) -> None:
    return None


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes | None]] = {
    "flip a bit": _flip_a_bit,
    "flip many bits": _flip_many_bits,
    "cut the end": _cut_the_end,
    "cut the head": _cut_the_head,
    "cut the middle": _cut_the_middle,
    "overwrite": _overwrite,
    "zero": _zero,
    "replace a line": _replace_a_line,
    "swap two lines": _swap_two_lines,
    "change a digit": _change_a_digit,
    "change the parts": _change_the_parts,
    "append garbage": _append_garbage,
    "duplicate the tail": _duplicate_the_tail,
    "swap blocks": _swap_blocks,
    "empty": _empty,
    "remove": _remove,
}
"""What makes of a file's bytes others; `None` removes the file."""
