"""Digests of the records of an input: what an item is known by, wherever it stands."""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["DIGEST_BYTES", "ItemRange", "record_digest"]

DIGEST_BYTES = 8

ItemRange = tuple[int, int, bytes]
"""Items in a row: the index of the first, their number, and the digests of their records."""


def record_digest(raw: bytes) -> bytes:
    """Return the digest of a record of the input, of `DIGEST_BYTES` bytes."""
    return blake2b(raw, digest_size=DIGEST_BYTES).digest()
