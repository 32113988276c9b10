"""Blocks of rows of Parquet: what is moved as Arrow data and decoded where it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Self

from batchmap.arrow.transport import received, sent
from batchmap.row_blocks import OpenedBlock, RowBlock, RowForm

__all__ = ["ArrowBlock", "Pair", "gathered", "in_step"]

Rows = Callable[[Any, Any], Iterator[tuple[Any, bytes]]]


class ArrowBlock(RowBlock):
    """The rows of a record batch; `rows` decodes it, with the `twin` that some columns have."""

    def __init__(
        self,
        batch: Any,
        twin: Any,
        rows: Rows,
        first_position: int,
        first_index: int = 0,
        form: RowForm | None = None,
    ) -> None:
        self._batch = batch
        self._twin = twin
        self._rows = rows
        self.first_position = first_position
        self.first_index = first_index
        self.form = form

    def __reduce__(self) -> tuple[Any, ...]:
        data = sent(self._batch), self._twin and sent(self._twin)
        return _block_of, (*data, self._rows, self.first_position, self.first_index, self.form)

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    @property
    def size_bytes(self) -> int:
        return int(self._batch.nbytes)

    def opened(self) -> OpenedBlock:
        pairs = list(self._rows(self._batch, self._twin))
        return OpenedBlock(self, [item for item, _ in pairs], [raw for _, raw in pairs], b"")

    def part(self, start: int, end: int) -> Self:
        if start == 0 and end == len(self):
            return self
        return type(self)(
            self._batch.slice(start, end - start),
            self._twin and self._twin.slice(start, end - start),
            self._rows,
            self.first_position + start,
            self.first_index + start,
            self.form,
        )


Pair = tuple[Any, Any]
"""A record batch, and its twin or `None`."""


def in_step(batches: Iterable[Any], twins: Iterator[Any]) -> Iterator[Pair]:
    """Yield the rows of both in record batches of as many rows.

    The library cuts them in different places: at the end of a row group only where a column is a
    dictionary.
    """
    twin: Any = ()
    for batch in batches:
        while len(batch):
            twin = twin or next(twins)
            rows = min(len(batch), len(twin))
            yield batch.slice(0, rows), twin.slice(0, rows)
            batch, twin = batch.slice(rows), twin.slice(rows)


def gathered(pairs: Iterable[Pair], most_rows: int, most_bytes: int) -> Iterator[Pair]:
    """Yield the same rows in record batches of at most so many rows, and bytes, or of one row.

    What rows take in memory is known only once they are read: a file holds equal values once.
    """
    held: list[Pair] = []
    rows = size_bytes = 0
    for batch, twin in chain.from_iterable(_cut(*pair, most_bytes) for pair in pairs):
        if held and (rows + batch.num_rows > most_rows or size_bytes + batch.nbytes > most_bytes):
            yield _joined(held)
            held = []
            rows = size_bytes = 0
        held.append((batch, twin))
        rows += batch.num_rows
        size_bytes += batch.nbytes
    if held:
        yield _joined(held)


def _cut(batch: Any, twin: Any, most_bytes: int) -> Iterator[Pair]:
    """Yield a record batch in parts of about so many bytes."""
    most = max(1, most_bytes * batch.num_rows // max(1, batch.nbytes))
    for start in range(0, batch.num_rows, most):
        yield batch.slice(start, most), twin and twin.slice(start, most)


def _joined(pairs: Sequence[Pair]) -> Pair:
    if len(pairs) == 1:
        return pairs[0]
    batches, twins = zip(*pairs, strict=True)
    return _one_batch(batches), None if twins[0] is None else _one_batch(twins)


def _one_batch(batches: Sequence[Any]) -> Any:
    import pyarrow as pa

    [batch] = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return batch


def _block_of(data: bytes, twin: bytes | None, *rest: Any) -> ArrowBlock:
    return ArrowBlock(received(data), twin and received(twin), *rest)
