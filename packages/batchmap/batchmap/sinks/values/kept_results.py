"""Keeps a result that the output has no form for, in the failure of its item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from batchmap.records import ItemFailure
from batchmap.sinks.values.json_encoding import text_of
from batchmap.sinks.values.value_conversion import Form
from batchmap.worker.failures import Unwritable, UnwritableFailure

__all__ = ["keeping", "kept_field", "with_result"]

_MAX_LEVELS = 20


@cache
def _any_form() -> Form:
    """Return the form in which objects of classes are `dict`s, and all else is as it is."""
    from batchmap.marked_types import MARKED_TYPES

    return Form("JSON", natives=MARKED_TYPES, max_depth=200, nan="kept", any_keys=True)


def keeping(error: Unwritable, result: Any) -> Unwritable:
    """Return the error with a result, where it was found that this cannot be written."""
    return Unwritable(error.failure, kept_field(result))


def with_result(failure: ItemFailure, result: Any) -> UnwritableFailure:
    """Return the failure with a result."""
    return Unwritable(failure, kept_field(result)).failure


def kept_field(result: Any) -> str:
    """Return `"result": …` with the types that JSON lacks marked, or its text as `"result_repr"`.

    Objects of classes are objects of JSON, by field, where their class says which fields there are.
    Never raises.
    """
    from batchmap.marked_json import NotMarkableError, marked_json  # which few runs need

    try:
        return f'"result": {marked_json(result)}'
    except NotMarkableError:
        pass
    try:
        return f'"result": {marked_json(_any_form().plain(result))}'
    except (Unwritable, NotMarkableError):
        return f'"result_repr": {text_of(_described(result))}'


def _described(value: Any, levels: int = _MAX_LEVELS) -> str:
    """Return the `repr` of a value; for an object whose class has none, with what it holds."""
    try:
        if levels:
            kind = type(value)
            if kind is dict:
                pairs = (
                    f"{_described(key, 0)}: {_described(one, levels - 1)}"
                    for key, one in value.items()
                )
                return f"{{{', '.join(pairs)}}}"
            if kind in (list, tuple):
                inside = ", ".join(_described(one, levels - 1) for one in value)
                return f"[{inside}]" if kind is list else f"({inside}{',' * (len(value) == 1)})"
            if vars(object)["__repr__"] is kind.__repr__ and (held := _attributes(value)):
                named = (f"{name}={_described(one, levels - 1)}" for name, one in held)
                return f"{kind.__qualname__}({', '.join(named)})"
        return repr(value)
    except BaseException:
        return f"<{type(value).__name__} whose text cannot be had>"


def _attributes(value: Any) -> list[tuple[str, Any]]:
    named: Mapping[str, Any] = getattr(value, "__dict__", {})
    slots: Iterable[str] = getattr(type(value), "__slots__", ())
    slots = [slots] if isinstance(slots, str) else slots
    return [
        *named.items(),
        *((name, getattr(value, name)) for name in slots if hasattr(value, name)),
    ]
