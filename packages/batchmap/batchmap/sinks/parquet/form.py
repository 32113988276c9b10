"""How rows of Parquet are made of results away from the sink: Arrow data of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from batchmap.arrow.transport import received, sent
from batchmap.sinks.item_columns import Fields, named_fields
from batchmap.sinks.parquet.arrays import array_of
from batchmap.sinks.parquet.types import inferred_type, pyarrow
from batchmap.sinks.parquet.widening import Fact, facts_of

__all__ = ["ParquetForm"]


class ParquetForm:
    """Columns that hold results as they are; `facts` are what is known of earlier ones.

    Results whose columns or types are others, or of which something else is true, are left to the
    sink.
    """

    def __init__(self, columns: Sequence[tuple[str, Any]], facts: frozenset[Fact]) -> None:
        self._columns = tuple(columns)
        self._facts = facts

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._columns, self._facts)

    def kept(self, items: Sequence[Any]) -> Sequence[Any]:
        return ()

    def rows(self, indexes: Sequence[int], kept: Sequence[Any], encoded: Sequence[Fields]) -> None:
        """Return nothing: rows are made all at once."""

    def joined(
        self, indexes: Sequence[int], kept: Sequence[Any], encoded: Sequence[Fields]
    ) -> bytes | None:
        arrow = pyarrow()
        rows = list(map(named_fields, encoded))
        names = [name for name, _ in self._columns]
        if set(chain.from_iterable(rows)) - set(names):
            return None
        arrays = []
        for name, kind in self._columns:
            values = [row.get(name) for row in rows]
            try:
                new = inferred_type(values)
                if new != kind and not arrow.types.is_null(new):
                    return None
                array = array_of(values, kind)
            except Exception:  # a value that does not fit; which one, the sink finds out
                return None
            if not self._facts.issuperset(facts_of(array, (name,))):
                return None
            arrays.append(array)
        return sent(arrow.RecordBatch.from_arrays(arrays, names=names))

    def split(self, data: bytes) -> list[bytes]:
        batch = received(data)
        return [sent(batch.slice(at, 1)) for at in range(batch.num_rows)]
