"""Rows that hold the columns of the item before those of the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from batchmap.records import ItemFailure
from batchmap.sinks.values.json_encoding import escaped_text
from batchmap.sinks.values.value_conversion import Form, Unwritable

__all__ = [
    "ITEM_COLUMN",
    "RESULT_COLUMN",
    "Fields",
    "field_texts",
    "item_row",
    "named_fields",
    "of_item",
]

Fields = dict[str, Any] | tuple[Any]
"""The values of an object by the names of its columns, or one value that is no object."""

ITEM_COLUMN = "item"
"""The column of items that are no objects."""

RESULT_COLUMN = "result"
"""The column of results that are no objects."""


def field_texts(value: Any, form: Form) -> Fields:
    """Return each value of an object, or what is no object, as JSON that UTF-8 can hold.

    Raises `Unwritable` where there is no such form.
    """
    simple = form.resolved(value)
    if type(simple) is not dict:
        return (escaped_text(value, form),)
    try:
        return {name: escaped_text(inner, form) for name, inner in form.keyed(simple).items()}
    except Unwritable:
        escaped_text(value, form)  # says where in the object it is
        raise


def named_fields(fields: Fields, only_column: str = RESULT_COLUMN) -> dict[str, Any]:
    """Return the values of a row by the names of its columns."""
    return fields if isinstance(fields, dict) else {only_column: fields[0]}


def item_row(item: Any, row_of: Callable[[Any], Fields]) -> dict[str, Any]:
    """Return the columns of an item, made by what makes those of a result."""
    with of_item():
        plain = dict(item) if isinstance(item, Mapping) and type(item) is not dict else item
        return named_fields(row_of(plain), ITEM_COLUMN)


@contextmanager
def of_item() -> Iterator[None]:
    """Have the failure of what is made inside say that the item is at fault, and not the result."""
    try:
        yield
    except Unwritable as error:
        failure = error.failure
        why = failure.error.replace("the result", "it", 1).replace("returned", "it is", 1)
        text = f"the item cannot stand beside its result: {why}"
        raise Unwritable(ItemFailure(failure.error_type, text, failure.traceback)) from None
