"""The columns of a Parquet output, whose types widen as rows come and never lose a value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from typing import Any, cast

from batchmap.arrow.transport import received
from batchmap.arrow.values import values_of
from batchmap.lone_surrogates import is_utf8
from batchmap.sinks.parquet.arrays import array_of, exact_array, has_map
from batchmap.sinks.parquet.form import ParquetForm
from batchmap.sinks.parquet.types import has_empty_struct, inferred_type, pyarrow
from batchmap.sinks.parquet.widening import (
    NO_VALUE,
    Fact,
    facts_of,
    general,
    widened,
    writable,
)
from batchmap.sinks.values.value_conversion import Unwritable, unwritable

__all__ = ["Columns"]

_FACTS_KEY = b"facts"

Row = dict[str, Any]


class Columns:
    """The name and type of each column, of all rows so far.

    A column has the type that `model`, a schema of pyarrow, gives one of that name, as long as it
    holds all values exactly; without one, the type of its values. A type may widen from null to any
    other, from integers to floats as long as a float holds each of them exactly, to more digits of
    a decimal, to nanoseconds, to UTC where zones differ, and by fields of an object; that of a
    list, by the type of its elements. So each part can be cast to the final types. With `is_given`,
    columns and types are those of `model` and stay so.
    """

    def __init__(self, model: Any = None, *, is_given: bool = False) -> None:
        self._arrow = pyarrow()
        self._types: dict[str, Any] = {}
        self._facts: set[Fact] = set()
        self._models = (
            {} if model is None else {field.name: writable(field.type) for field in model}
        )
        self._is_given = is_given
        if is_given:
            self._types = dict(self._models)

    def add_rows(self, rows: Sequence[Row]) -> None:
        """Add the columns of `rows`, or raise `Unwritable` and change nothing."""
        types = dict(self._types)
        facts = set(self._facts)
        names = dict.fromkeys(chain.from_iterable(rows))
        for name in names:
            values = [row.get(name) for row in rows]
            if not is_utf8(name):
                raise unwritable(
                    "ValueError", f"the column {name!r:.60} is no text that UTF-8 has a form for"
                )
            types[name], array = self._typed(name, values)
            facts.update(facts_of(array, (name,)))
        if rows and not types:
            raise unwritable(
                "ValueError", "returned an empty object, which gives Parquet no columns"
            )
        self._types, self._facts = types, facts

    def _typed(self, name: str, values: list[Any]) -> tuple[Any, Any]:
        """Return the type of a column that holds these values, too, and their array."""
        if self._is_given:
            return self._given(name, values)
        arrow = self._arrow
        old = self._types.get(name, arrow.null())
        is_new = arrow.types.is_null(old)
        model = self._models.get(name, old) if is_new else old
        try:
            new = inferred_type(values)
        except Unwritable:
            if not has_map(model):
                raise
            new = None  # pairs of a map have no type by themselves
        wide = general(model)
        if (is_new or wide != model or has_map(model)) and not (
            arrow.types.is_null(model) or (is_new and new == arrow.null())
        ):
            for kind in dict.fromkeys((model, wide)):
                if (array := exact_array(values, kind, new)) is not None:
                    return kind, array
        if new is None:
            raise self._conflict(name, model, "a list of several types")
        if is_new:
            wide = old
        wide = widened(wide, new, self._facts, (name,))
        if wide is None or has_empty_struct(wide):
            raise self._conflict(name, None if is_new else old, new)
        try:
            return wide, array_of(values, wide)
        except Exception as error:
            first_line = str(error).partition("\n")[0]
            raise unwritable(
                type(error).__qualname__, f"column {name!r:.60} cannot hold it: {first_line}"
            ) from None

    def _given(self, name: str, values: list[Any]) -> tuple[Any, Any]:
        """Return the type that a column is to have, and the array of these values in it."""
        if name not in self._types:
            raise unwritable("TypeError", f"the schema has no column {name!r:.60}")
        kind = self._types[name]
        try:
            new = inferred_type(values)
        except Unwritable:
            if not has_map(kind):
                raise
            new = None
        array = exact_array(values, kind, new, is_given=True)
        if array is None:
            raise unwritable("TypeError", f"column {name!r:.60} is {kind}, which cannot hold it")
        return kind, array

    def complete(self) -> None:
        """Give columns without any value the types of the model."""
        for name, kind in self._types.items():
            if self._arrow.types.is_null(kind) and name in self._models:
                self._types[name] = self._models[name]
                self._facts.add((NO_VALUE, (name,)))

    def add_schema(self, schema: Any) -> None:
        """Add the columns of a file that was written before; raises `ValueError` if they differ."""
        facts = json.loads((schema.metadata or {}).get(_FACTS_KEY, b"[]"))
        self._facts.update((fact, tuple(path)) for fact, path in facts)
        for field in schema:
            if (NO_VALUE, (field.name,)) in self._facts:
                self._facts.discard((NO_VALUE, (field.name,)))
                field = field.with_type(self._arrow.null())
            known = self._types.get(field.name, field.type)
            wide = known
            if known != field.type:
                both = general(known), general(field.type)
                wide = widened(*both, self._facts, (field.name,))
            if wide is None:
                raise ValueError(f"column {field.name} is {field.type} after {known}")
            self._types[field.name] = wide

    def schema(self, **about: str) -> Any:
        """Return the columns as a schema of pyarrow, with `about` in its metadata."""
        metadata = {_FACTS_KEY: json.dumps(sorted(self._facts, key=str)).encode()}
        metadata |= {key.encode(): text.encode() for key, text in about.items()}
        return self._arrow.schema(list(self._types.items()), metadata=metadata)

    def table(self, rows: Sequence[Row]) -> Any:
        """Return rows, whose columns were added, as a table of pyarrow."""
        arrays = [
            array_of([row.get(name) for row in rows], kind) for name, kind in self._types.items()
        ]
        return self._arrow.Table.from_arrays(arrays, schema=self.schema())

    def form(self) -> ParquetForm | None:
        """Return how results become rows elsewhere; `None` where types are not plain."""
        types = self._arrow.types
        kinds = self._types.values()
        are_plain = all(not types.is_nested(kind) and general(kind) == kind for kind in kinds)
        if self._is_given or not kinds or not are_plain or any(map(types.is_null, kinds)):
            return None
        return ParquetForm(list(self._types.items()), frozenset(self._facts))

    def joined_table(self, rows: Sequence[Row | bytes]) -> Any:
        """Return the same of rows some of which were joined by a form."""
        tables = []
        for is_joined, some in groupby(rows, lambda row: isinstance(row, bytes)):
            if is_joined:
                batches = [received(data) for data in cast(Iterable[bytes], some)]
                tables += [self.fitted(self._arrow.Table.from_batches([one])) for one in batches]
            else:
                tables.append(self.table(cast(list[Row], list(some))))
        return self._arrow.concat_tables(tables).combine_chunks()

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
        if arrow.types.is_null(column.type):
            return arrow.nulls(len(column), kind)
        if not arrow.types.is_nested(column.type):
            return column.cast(kind)
        # pyarrow's own cast turns a list of nulls into an invalid array; nested casts are rare.
        chunks = [array_of(values_of(chunk), kind) for chunk in column.chunks]
        return arrow.chunked_array(chunks, type=kind)

    def _conflict(self, name: str, old: Any, new: Any) -> Exception:
        if old is None or old == new:
            problem = f"holds an empty object in column {name!r:.60}, which Parquet has no form for"
        else:
            problem = f"is {new} in column {name!r:.60}, which is {old} in earlier ones"
        return unwritable("TypeError", f"the result {problem}; JSON Lines takes any")
