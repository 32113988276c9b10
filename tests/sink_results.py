"""Gives results to a sink as a run does: each is encoded where its item ran, then written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batchmap.records import ItemFailure
from batchmap.sinks import Sink
from batchmap.worker.failures import Unwritable


def encoded(
    sink: Sink, indexes: Sequence[int], items: Sequence[Any], results: Sequence[Any]
) -> tuple[list[Any], dict[int, ItemFailure]]:
    """Return a piece for each result, empty where there is none, and the failures by offset."""
    failures: dict[int, ItemFailure] = {}
    good: dict[int, Any] = {}
    for offset, result in enumerate(results):
        try:
            good[offset] = sink.encoder(result)
        except Unwritable as error:
            failures[offset] = error.failure
    some, refused = sink.encode(
        [indexes[offset] for offset in good], [items[offset] for offset in good], [*good.values()]
    )
    pieces = dict(zip(good, some, strict=True))
    failures |= {list(good)[number]: failure for number, failure in refused.items()}
    empty: Any = "" if not some or isinstance(some[0], str) else None
    return [pieces.get(offset, empty) for offset in range(len(results))], failures
