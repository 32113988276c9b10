"""Blocks of rows of Parquet: what is moved as Arrow data and decoded where it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from batchmap.row_blocks import OpenedBlock, RowBlock, RowForm

__all__ = ["ArrowBlock", "Pair", "in_step"]

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
        data = _sent(self._batch), self._twin and _sent(self._twin)
        return _received, (*data, self._rows, self.first_position, self.first_index, self.form)

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


def _sent(batch: Any) -> bytes:
    """Return a record batch, of a slice its own rows alone, as bytes."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _received(data: bytes, twin: bytes | None, *rest: Any) -> ArrowBlock:
    import pyarrow as pa

    batch, other = (one and pa.ipc.open_stream(one).read_next_batch() for one in (data, twin))
    return ArrowBlock(batch, other, *rest)
