"""The columns of a Parquet output, whose types widen as rows come and never lose a value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from batchmap.lone_surrogates import is_utf8
from batchmap.sinks.parquet_types import (
    MAX_DIGITS,
    decimal_type,
    has_empty_struct,
    inferred_type,
    pyarrow,
)
from batchmap.sinks.value_conversion import unwritable

__all__ = ["Columns"]

_EXACT_KEY = b"exact_integers"

Row = dict[str, Any]
FieldPath = tuple[str | None, ...]
"""The names of fields from the column inwards, `None` for the elements of a list."""


class Columns:
    """The name and type of each column, of all rows so far.

    A type may widen from null to any other, from integers to floats as long as a float holds each
    of them exactly, to more digits of a decimal, and by fields of an object; that of a list, by
    the type of its elements. So each part can be cast to the final types.
    """

    def __init__(self) -> None:
        self._arrow = pyarrow()
        self._types: dict[str, Any] = {}
        self._exact: set[FieldPath] = set()
        """The fields with integers that a float does not hold exactly."""

    def add_rows(self, rows: Sequence[Row]) -> None:
        """Add the columns of `rows`, or raise `Unwritable` and change nothing."""
        types = dict(self._types)
        exact = set(self._exact)
        names = dict.fromkeys(chain.from_iterable(rows))
        for name in names:
            values = [row.get(name) for row in rows]
            if not is_utf8(name):
                raise unwritable(
                    "ValueError", f"the column {name!r:.60} is no text that UTF-8 has a form for"
                )
            new = inferred_type(values)
            widened = new if name not in types else self._widened(types[name], new, (name,))
            if widened is None or has_empty_struct(widened):
                raise self._conflict(name, types.get(name), new)
            try:
                array = self._arrow.array(values, type=widened)
            except Exception as error:
                first_line = str(error).partition("\n")[0]
                raise unwritable(
                    type(error).__qualname__, f"column {name!r:.60} cannot hold it: {first_line}"
                ) from None
            types[name] = widened
            exact.update(self._exact_fields(array, (name,)))
        if rows and not types:
            raise unwritable(
                "ValueError", "returned an empty object, which gives Parquet no columns"
            )
        self._types, self._exact = types, exact

    def add_schema(self, schema: Any) -> None:
        """Add the columns of a file that was written before; raises `ValueError` if they differ."""
        exact = json.loads((schema.metadata or {}).get(_EXACT_KEY, b"[]"))
        self._exact.update(map(tuple, exact))
        for field in schema:
            known = self._types.get(field.name, field.type)
            widened = self._widened(known, field.type, (field.name,))
            if widened is None:
                raise ValueError(f"column {field.name} is {field.type} after {known}")
            self._types[field.name] = widened

    def schema(self, **facts: str) -> Any:
        """Return the columns as a schema of pyarrow, with `facts` in its metadata."""
        metadata = {_EXACT_KEY: json.dumps(list(self._exact)).encode()}
        metadata |= {key.encode(): fact.encode() for key, fact in facts.items()}
        return self._arrow.schema(list(self._types.items()), metadata=metadata)

    def table(self, rows: Sequence[Row]) -> Any:
        """Return rows, whose columns were added, as a table of pyarrow."""
        arrays = [
            self._arrow.array([row.get(name) for row in rows], type=kind)
            for name, kind in self._types.items()
        ]
        return self._arrow.Table.from_arrays(arrays, schema=self.schema())

    def fitted(self, table: Any) -> Any:
        """Return a table of an earlier part with the columns and types of now."""
        arrow = self._arrow
        arrays = [
            self._cast(table.column(name), kind)
            if name in table.schema.names
            else arrow.nulls(table.num_rows, kind)
            for name, kind in self._types.items()
        ]
        return arrow.Table.from_arrays(arrays, schema=self.schema())

    def _cast(self, column: Any, kind: Any) -> Any:
        arrow = self._arrow
        if column.type == kind:
            return column
        if not arrow.types.is_nested(column.type):
            return column.cast(kind)
        # pyarrow's own cast turns a list of nulls into an invalid array; nested casts are rare.
        chunks = [arrow.array(chunk.to_pylist(), type=kind) for chunk in column.chunks]
        return arrow.chunked_array(chunks, type=kind)

    def _widened(self, old: Any, new: Any, path: FieldPath) -> Any:
        """Return the narrowest type that holds both; `None` when there is none."""
        arrow, types = self._arrow, self._arrow.types
        if old == new or types.is_null(new):
            return old
        if types.is_null(old):
            return new
        if {old, new} == {arrow.int64(), arrow.float64()}:
            return None if path in self._exact else arrow.float64()
        if types.is_decimal(old) and types.is_decimal(new):
            scale = max(old.scale, new.scale)
            whole = max(old.precision - old.scale, new.precision - new.scale)
            return decimal_type(whole, scale) if whole + scale <= MAX_DIGITS else None
        if types.is_list(old) and types.is_list(new):
            inner = self._widened(old.value_type, new.value_type, (*path, None))
            return None if inner is None else arrow.list_(inner)
        if types.is_struct(old) and types.is_struct(new):
            fields = {field.name: field.type for field in old}
            for field in new:
                known = fields.get(field.name, field.type)
                fields[field.name] = self._widened(known, field.type, (*path, field.name))
            fits = all(kind is not None for kind in fields.values())
            return arrow.struct(list(fields.items())) if fits else None
        return None

    def _exact_fields(self, array: Any, path: FieldPath) -> Iterator[FieldPath]:
        """Yield the fields of these values with integers that a float does not hold exactly."""
        types = self._arrow.types
        for chunk in getattr(array, "chunks", [array]):
            if types.is_int64(chunk.type):
                try:
                    chunk.cast(self._arrow.float64())
                except ValueError:  # the base class of pyarrow's error
                    yield path
            elif types.is_list(chunk.type):
                yield from self._exact_fields(chunk.flatten(), (*path, None))
            elif types.is_struct(chunk.type):
                for field in chunk.type:
                    inner = chunk.field(field.name)
                    yield from self._exact_fields(inner, (*path, field.name))

    def _conflict(self, name: str, old: Any, new: Any) -> Exception:
        if old is None or old == new:
            problem = f"holds an empty object in column {name!r:.60}, which Parquet has no form for"
        else:
            problem = f"is {new} in column {name!r:.60}, which is {old} in earlier ones"
        return unwritable("TypeError", f"the result {problem}; JSON Lines takes any")
