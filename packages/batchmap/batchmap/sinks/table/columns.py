"""Turns results into rows of a table, and says which column can hold which value."""

from __future__ import annotations

from typing import Any

from batchmap.lone_surrogates import escaped, needs_escape
from batchmap.sinks.item_columns import Fields
from batchmap.sinks.values.json_encoding import json_text
from batchmap.sinks.values.kept_results import keeping
from batchmap.sinks.values.value_conversion import JSON, STRICT_JSON, Form, unwritable
from batchmap.worker.failures import Unwritable, describe_failure

__all__ = ["EXACT_IN_REAL", "TableRow", "kind_of"]

EXACT_IN_REAL = 2**53
"""Up to here, a number of double precision holds every whole number."""

_LARGEST_INTEGER = 2**63 - 1
_LONGEST_NAME = 63
"""Bytes of the name of a column in PostgreSQL, which would cut a longer one."""

_KINDS = {int: "integer", float: "real", bool: "boolean", str: "text", bytes: "bytes"}


class TableRow:
    """Called with a result, returns the values of its columns; raises `Unwritable` for none.

    Nested values are JSON text. `database` is `SQLite` or `PostgreSQL`. SQLite has no nan, which is
    NULL there. With `strict`, nan and infinity have no form.
    """

    def __init__(self, database: str, *, strict: bool = False) -> None:
        self._database = database
        nan: Any = "refused" if strict else "kept"
        self._form = Form(database, natives=(bytes,), nan=nan)
        self._json = STRICT_JSON if strict else JSON

    def __call__(self, result: Any) -> Fields:
        """Return the row of a result, by the names of its columns; or what is no object."""
        try:
            return self._row(result)
        except Unwritable as error:
            raise keeping(error, result) from None
        except Exception as error:  # raised by the value's own class
            raise keeping(Unwritable(describe_failure(error)), result) from None

    def _row(self, result: Any) -> Fields:
        simple = self._form.resolved(result)
        if type(simple) is not dict:
            return (self._value(simple, result),)
        return {
            self._name(name): self._value(self._form.resolved(value, nested=True), value)
            for name, value in self._form.keyed(simple).items()
        }

    def _value(self, simple: Any, value: Any) -> Any:
        kind = type(simple)
        if kind is float:
            simple = self._form.plain(simple)  # nan and infinity may be refused
            return None if simple != simple and self._database == "SQLite" else simple
        if kind in (dict, list, tuple):
            simple, kind = json_text(value, self._json), str
        problem = None
        if kind is int and not -_LARGEST_INTEGER - 1 <= simple <= _LARGEST_INTEGER:
            problem = "a whole number of more than 64 bits"
        elif kind is str and "\0" in simple and self._database == "PostgreSQL":
            problem = "text with a NUL"
        if problem:
            raise unwritable(
                "ValueError", f"the result holds {problem}, which {self._database} has no form for"
            )
        return escaped(simple) if kind is str and needs_escape(simple) else simple

    def _name(self, name: str) -> str:
        name = escaped(name) if needs_escape(name) else name
        if not name or "\0" in name:
            problem = "no name of a column"
        elif self._database == "PostgreSQL" and len(name.encode()) > _LONGEST_NAME:
            problem = f"longer than the {_LONGEST_NAME} bytes that a column's name has there"
        else:
            return name
        raise unwritable("ValueError", f"the result has the key {name!r:.80}, which is {problem}")


def kind_of(value: Any) -> str:
    """Return the kind of values that a column has whose first value is this one."""
    return _KINDS[type(value)]
