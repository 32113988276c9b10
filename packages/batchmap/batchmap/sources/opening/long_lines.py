"""Bounds the memory that one line may take, by leaving out what is beyond."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

__all__ = ["LongLines"]


class LongLines:
    """The lines of `blocks` that have more than `limit` bytes are cut off there.

    In place of what is left out stands a digest of it, so that the bytes of the line are others
    where that is another. `sizes` then has the size of each such line by its number, from 1.
    """

    def __init__(self, blocks: Iterable[bytes], limit: int) -> None:
        self._blocks = blocks
        self._limit = limit
        self.sizes: dict[int, int] = {}

    def blocks(self) -> Iterator[bytes]:
        """Yield the blocks, without what is left out."""
        number, size = 1, 0
        digest = blake2b(digest_size=16)
        for block in self._blocks:
            if size + len(block) <= self._limit:  # as all are, nearly always
                newlines = block.count(b"\n")
                number += newlines
                size = len(block) - block.rfind(b"\n") - 1 if newlines else size + len(block)
                yield block
                continue
            kept = bytearray()
            for line in _lines(block):
                content = line.removesuffix(b"\n")
                room = max(0, self._limit - size)
                kept += content[:room]
                if len(content) > room:
                    digest.update(content[room:])
                size += len(content)
                if len(content) != len(line):
                    if size > self._limit:
                        self.sizes[number] = size
                        kept += digest.hexdigest().encode()
                        digest = blake2b(digest_size=16)
                    kept += b"\n"
                    number, size = number + 1, 0
            if kept:
                yield bytes(kept)
        if size > self._limit:  # the last line has no end
            self.sizes[number] = size
            yield digest.hexdigest().encode()

    def error(self, number: int) -> str:
        """Return what is wrong with a line whose size is in `sizes`."""
        return (
            f"the line has {self.sizes[number]} bytes, and a record may have {self._limit} "
            "(max_record_bytes)"
        )


def _lines(block: bytes) -> list[bytes]:
    r"""Return the lines with their ends, which are `\n` alone."""
    lines = block.split(b"\n")
    return [*(line + b"\n" for line in lines[:-1]), *([lines[-1]] if lines[-1] else [])]
