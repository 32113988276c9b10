"""Rows that hold the columns of the item before those of the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from batchmap.records import ItemFailure
from batchmap.sinks.json_encoding import result_text
from batchmap.sinks.value_conversion import JSON, Unwritable

__all__ = ["ITEM_COLUMN", "RESULT_COLUMN", "field_texts", "item_row", "of_item"]

ITEM_COLUMN = "item"
"""The column of items that are no objects."""

RESULT_COLUMN = "result"
"""The column of results that are no objects."""


def field_texts(value: Any) -> dict[str, str]:
    """Return the fields of an object, or one field `result`, each value as JSON.

    Raises `Unwritable` where there is no such form.
    """
    simple = JSON.resolved(value)
    if type(simple) is not dict:
        return {RESULT_COLUMN: result_text(value)}
    try:
        return {name: result_text(inner) for name, inner in JSON.keyed(simple).items()}
    except Unwritable:
        result_text(value)  # says where in the object it is
        raise


def item_row(item: Any, row_of: Callable[[Any], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the columns of an item, made by what makes those of a result."""
    with of_item():
        if isinstance(item, Mapping):
            return row_of(item if isinstance(item, dict) else dict(item))
        found = row_of(item)
    return {ITEM_COLUMN: found[RESULT_COLUMN]} if found.keys() == {RESULT_COLUMN} else found


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
