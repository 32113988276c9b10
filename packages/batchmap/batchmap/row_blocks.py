"""Items that stay the bytes they were read from until a worker needs them, and what comes of them.

    source: bytes -> RowBlock -> worker: items -> results -> RowResults -> sink: bytes

The worker decodes, calls, digests and encodes; the process that reads and writes moves bytes, not
rows.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, Protocol, Self, overload

from batchmap.digests import digests
from batchmap.records import ItemFailure, UnreadableRecord

__all__ = ["OpenedBlock", "RowBlock", "RowForm", "RowResults", "Segment"]


class RowForm(Protocol):
    """How rows of the output are made of results, wherever these are; it can be pickled."""

    def kept(self, items: Sequence[Any]) -> Sequence[Any]:
        """Return what rows need of items, one each, before the function may change them."""
        ...

    def rows(
        self, indexes: Sequence[int], kept: Sequence[Any], encoded: Sequence[Any]
    ) -> list[Any] | None:
        """Return a row for each encoded result; `None` where only the sink can make them."""
        ...

    def joined(
        self, indexes: Sequence[int], kept: Sequence[Any], encoded: Sequence[Any]
    ) -> Any | None:
        """Return the rows of all encoded results as one; `None` as for `rows`."""
        ...

    def split(self, joined: Any) -> list[Any]:
        """Return the rows, one a result, that were joined."""
        ...


class RowBlock(ABC, Sequence[Any]):
    """Some items in a row, as bytes; a part of it is one, too."""

    first_index: int
    """The index in the input of its first item, from 0."""
    first_position: int
    """The source's own number for the record of its first item, from 1."""
    form: RowForm | None
    """How rows are made of the results, `None` where that is not known yet."""

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """Return about how many bytes the records have."""

    def position(self, offset: int) -> int:
        """Return the source's own number for the record of one of its items."""
        return self.first_position + offset

    @abstractmethod
    def opened(self) -> OpenedBlock:
        """Decode the items; each time anew."""

    def entries(self) -> bytes:
        """Return what the journal holds of the items."""
        return self.opened().entries(0, len(self))

    def records(self) -> Iterator[tuple[Any, bytes, int]]:
        """Yield each item, the bytes of its record, and the source's own number for that."""
        opened = self.opened()
        for offset, (item, raw) in enumerate(zip(opened.items, opened.raws, strict=True)):
            yield item, raw, self.position(offset)

    @abstractmethod
    def part(self, start: int, end: int) -> Self:
        """Return the items at the offsets from `start` up to `end`."""

    def split(self, most: int) -> tuple[Self, Self | None]:
        """Return the first items, about `most` of them and no more, and the rest, if any.

        They are shared out evenly, so that no small rest is left.
        """
        number = len(self)
        if most >= number:
            return self, None
        wanted = math.ceil(number / math.ceil(number / most))
        return self.part(0, wanted), self.part(wanted, number)

    @overload
    def __getitem__(self, at: int) -> Any: ...

    @overload
    def __getitem__(self, at: slice) -> Self: ...

    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            start, end, _ = at.indices(len(self))
            return self.part(start, max(start, end))
        return self.opened().items[at]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.opened().items)


class OpenedBlock:
    """The items of a block, `raws` being the bytes of each, in one worker.

    In place of an item that cannot be read there is an `UnreadableRecord`.
    """

    def __init__(self, block: RowBlock, items: list[Any], raws: list[bytes], context: bytes):
        self.items = items
        self.raws = raws
        self.has_unreadable = UnreadableRecord in set(map(type, items))
        self._context = context
        self._first_index = block.first_index
        self._form = form = block.form
        self._kept = () if form is None else form.kept(items)

    def numbered(self) -> list[Any]:
        """Return each item as a pair with its index in the input, an unreadable one as it is."""
        return [
            item if type(item) is UnreadableRecord else (index, item)
            for index, item in enumerate(self.items, self._first_index)
        ]

    def entries(self, start: int, end: int) -> bytes:
        """Return what the journal holds of the items at the offsets from `start` up to `end`."""
        return digests(self.raws[start:end], self._context)

    def results(
        self, start: int, results: Sequence[Any], failures: Mapping[int, ItemFailure]
    ) -> RowResults:
        """Return what came of the items from the offset `start` on: encoded results.

        The keys of `failures` are offsets in `results`, which hold `None` there.
        """
        number = len(results)
        entries = self.entries(start, start + number)
        form, pieces = self._form, None
        first = self._first_index + start
        if form is not None:
            kept = self._kept[start : start + number]
            if not failures:
                joined = form.joined(range(first, first + number), kept, results)
                pieces = None if joined is None else [joined]
            else:
                good = [offset for offset in range(number) if offset not in failures]
                pieces = form.rows(
                    [first + offset for offset in good],
                    [kept[offset] for offset in good] if kept else (),
                    [results[offset] for offset in good],
                )
                if pieces is not None:
                    rows = iter(pieces)
                    pieces = ["" if offset in failures else next(rows) for offset in range(number)]
        if pieces is None:
            return RowResults(number, entries, [Segment(None, number, list(results))])
        return RowResults(number, entries, [Segment(form, number, pieces)])


class Segment(NamedTuple):
    """What came of some items in a row."""

    form: RowForm | None
    """How the rows were made; `None` where there are encoded results instead."""
    number: int
    """How many items they are."""
    pieces: list[Any]
    """One an item; of rows also a single one, of them all joined, where none has failed."""

    def each(self) -> list[Any]:
        """Return the pieces, one an item."""
        if self.form is None or len(self.pieces) == self.number:
            return self.pieces
        return self.form.split(self.pieces[0])

    def part(self, start: int, end: int) -> Segment:
        """Return what came of the items at the offsets from `start` up to `end`."""
        if start <= 0 and end >= self.number:
            return self
        pieces = self.each()[max(0, start) : end]
        return Segment(self.form, len(pieces), pieces)


class RowResults(Sequence[Any]):
    """What came of items of a block, as a batch record holds it: rows, or encoded results."""

    __slots__ = ("entries", "number", "segments")

    def __init__(self, number: int, entries: bytes, segments: list[Segment]) -> None:
        self.number = number
        self.entries = entries
        """What the journal holds of each of them."""
        self.segments = segments

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.number, self.entries, self.segments)

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(segment.each() for segment in self.segments)

    def __getitem__(self, at: Any) -> Any:
        if not isinstance(at, slice):
            return list(self)[at]
        start, end, _ = at.indices(self.number)
        if start == 0 and end == self.number:
            return self
        end = max(start, end)
        size = len(self.entries) // self.number
        segments = []
        done = 0
        for segment in self.segments:
            if start < done + segment.number and end > done:
                segments.append(segment.part(start - done, end - done))
            done += segment.number
        return RowResults(end - start, self.entries[start * size : end * size], segments)

    def held_bytes(self) -> int:
        """Estimate the memory that they take, in bytes."""
        return len(self.entries) + sum(
            len(piece) if isinstance(piece, str | bytes) else 200
            for segment in self.segments
            for piece in segment.pieces
        )

    @classmethod
    def joined(cls, parts: Sequence[RowResults]) -> RowResults:
        """Return the results of parts in a row as those of one."""
        return cls(
            sum(part.number for part in parts),
            b"".join(part.entries for part in parts),
            [segment for part in parts for segment in part.segments],
        )
