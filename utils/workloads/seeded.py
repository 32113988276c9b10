"""Random numbers that follow from a key alone, whatever process draws them."""

from __future__ import annotations

from hashlib import blake2b
from random import Random

__all__ = ["draw", "generator"]


def draw(*key: object) -> float:
    """Return a number from 0 to 1 (excluded) that follows from `key` alone."""
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def generator(*key: object) -> Random:
    """Return a random generator whose numbers follow from `key` alone."""
    return Random(repr(key))
