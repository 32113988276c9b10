"""Digests of values: 64 bits that are the same for equal values, whatever process made them."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from .equality import decompose

__all__ = ["value_digest"]


def value_digest(value: Any) -> int:
    """Return 64 bits that are the same for equal values, whatever process made them; never 0.

    Objects of other than the plain types count by what they are made up of. Values that are nested
    too deep for Python's stack all have the same digest.
    """
    try:
        content = _bytes_of(value)
    except RecursionError:
        content = b"too deep"
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big") or 1


def _bytes_of(value: Any) -> bytes:
    """Return bytes that are the same for equal values, and different for others."""
    if isinstance(value, int | float | complex):
        return _bytes_of_number(value)
    name = type(value).__qualname__.encode()
    if isinstance(value, str):
        return name + value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes | bytearray):
        return name + bytes(value)
    if isinstance(value, dict):
        return name + _joined(
            sorted(_joined((_bytes_of(key), _bytes_of(part))) for key, part in value.items())
        )
    if isinstance(value, set | frozenset):
        return name + _joined(sorted(map(_bytes_of, value)))
    if isinstance(value, list | tuple):
        return name + _joined(map(_bytes_of, value))
    if value is None:
        return name
    try:
        return name + _bytes_of(decompose(value))
    except (KeyboardInterrupt, RecursionError):
        raise
    except BaseException:  # a value's own methods may raise anything
        return name


def _bytes_of_number(value: complex) -> bytes:
    """Return the same bytes for all numbers that are equal, of whatever type."""
    if isinstance(value, complex):
        if value.imag:
            return b"number" + _bytes_of_number(value.real) + b"j" + _bytes_of_number(value.imag)
        value = value.real
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return b"number" + (hex(value) if isinstance(value, int) else repr(float(value))).encode()


def _joined(parts: Iterable[bytes]) -> bytes:
    """Return a digest of the parts; the length before each keeps it apart from the next."""
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
