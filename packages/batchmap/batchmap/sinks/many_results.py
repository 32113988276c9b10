"""Results of items that give any number of them: each becomes a row, those of an item together.

worker: results -> EncodeEach -> encoded results -> encode_many: the pieces of each item -> write
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from batchmap.records import ItemFailure
from batchmap.sinks.base import Sink
from batchmap.sinks.values.kept_results import keeping, kept_field
from batchmap.worker.failures import Unwritable

__all__ = ["EncodeEach", "encode_many", "pieces_together"]


class EncodeEach:
    """Encodes each result of an item as `encode` does; one that cannot be fails the item."""

    def __init__(self, encode: Callable[[Any], Any]) -> None:
        self._encode = encode

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._encode,)

    kept_field = staticmethod(kept_field)
    """Keeps what a function returned that is none of several results."""

    def __call__(self, results: list[Any]) -> list[Any]:
        try:
            return list(map(self._encode, results))
        except Unwritable as error:
            raise keeping(error, results) from None


def encode_many(
    sink: Sink, indexes: Sequence[int], items: Sequence[Any], encoded: Sequence[list[Any]]
) -> tuple[list[list[Any]], dict[int, ItemFailure]]:
    """Return the pieces of each item, and the failures of items by their offset, as `Sink.encode`.

    An item of which one result cannot be written has failed, and has no pieces.
    """
    offsets = [offset for offset, results in enumerate(encoded) for _ in results]
    flat, unwritable = sink.encode(
        [indexes[offset] for offset in offsets],
        [items[offset] for offset in offsets] if items else (),
        list(chain.from_iterable(encoded)),
    )
    failures: dict[int, ItemFailure] = {}
    for number, failure in sorted(unwritable.items()):
        failures.setdefault(offsets[number], failure)
    pieces: list[list[Any]] = [[] for _ in encoded]
    for offset, piece in zip(offsets, flat, strict=True):
        if offset not in failures:
            pieces[offset].append(piece)
    return pieces, failures


def pieces_together(pieces: Sequence[list[Any]]) -> list[Any]:
    """Return what `Sink.write` takes of the pieces of items: text of one item in one piece.

    No part file ends within a piece.
    """
    return [
        piece
        for some in pieces
        for piece in (["".join(some)] if some and type(some[0]) is str else some)
    ]
