"""Turns results into rows of a table, and says which column can hold which value."""

from __future__ import annotations

from typing import Any

from batchmap.sinks.json_encoding import is_utf8, json_text
from batchmap.sinks.value_conversion import Form, unwritable
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

    Nested values are JSON text. `database` is `SQLite` or `PostgreSQL`.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._form = Form(database, natives=(bytes,), takes_nan=True)

    def __call__(self, result: Any) -> dict[str, Any]:
        """Return the row of a result, by the names of its columns."""
        try:
            simple = self._form.resolved(result)
            if type(simple) is not dict:
                return {"result": self._value(simple, result)}
            return {
                self._name(name): self._value(self._form.resolved(value, nested=True), value)
                for name, value in self._form.keyed(simple).items()
            }
        except Unwritable:
            raise
        except Exception as error:  # raised by the value's own class
            raise Unwritable(describe_failure(error)) from None

    def _value(self, simple: Any, value: Any) -> Any:
        if type(simple) in (dict, list, tuple):
            simple = json_text(value)
        problem = None
        if type(simple) is int and not -_LARGEST_INTEGER <= simple <= _LARGEST_INTEGER:
            problem = "a whole number of more than 64 bits"
        elif type(simple) is float and simple != simple and self._database == "SQLite":
            problem = "nan"
        elif type(simple) is str and not is_utf8(simple):
            problem = "text with a lone surrogate"
        elif type(simple) is str and "\0" in simple and self._database == "PostgreSQL":
            problem = "text with a NUL"
        if problem:
            raise unwritable(
                "ValueError", f"the result holds {problem}, which {self._database} has no form for"
            )
        return simple

    def _name(self, name: str) -> str:
        if not name or "\0" in name or not is_utf8(name):
            problem = "no name of a column"
        elif self._database == "PostgreSQL" and len(name.encode()) > _LONGEST_NAME:
            problem = f"longer than the {_LONGEST_NAME} bytes that a column's name has there"
        else:
            return name
        raise unwritable("ValueError", f"the result has the key {name!r:.80}, which is {problem}")


def kind_of(value: Any) -> str:
    """Return the kind of values that a column has whose first value is this one."""
    return _KINDS[type(value)]
