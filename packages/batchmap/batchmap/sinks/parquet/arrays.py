"""Makes Arrow arrays of values, and tells whether a type holds the values exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batchmap.arrow.nanoseconds import nanoseconds_of
from batchmap.arrow.values import values_of
from batchmap.sinks.parquet.types import pyarrow

__all__ = ["array_of", "exact_array", "has_map", "is_list"]


def array_of(values: Sequence[Any], kind: Any) -> Any:
    """Return the values as an array of a type; raises what pyarrow does where they have no form."""
    if _needs_raw(kind):
        values = [_raw(value, kind) for value in values]
    return pyarrow().array(values, type=kind)


def exact_array(values: Sequence[Any], kind: Any, inferred: Any, *, is_given: bool = False) -> Any:
    """Return the values as an array of a type, `None` where it does not hold them exactly.

    `inferred` is the type that the values have by themselves, `None` for pairs of several types.
    Where the type `is_given`, whole numbers may become decimals and fractions, and moments may be
    told in another zone.
    """
    is_near = _is_near(kind, inferred)
    if not is_near and not (is_given and _is_convertible(kind, inferred)):
        return None
    try:
        array = array_of(values, kind)
        is_safe = is_near and inferred is not None and _is_strict(kind, inferred)
        if is_safe or _same(values_of(array), values):
            return array
    except Exception:  # pyarrow has many for a value that does not fit
        return None
    return None


def is_list(kind: Any) -> bool:
    """Tell whether a type is one of the kinds of lists."""
    types = pyarrow().types
    is_any = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(is_any)


def has_map(kind: Any) -> bool:
    """Tell whether a type is a map or holds one."""
    types = pyarrow().types
    if types.is_struct(kind):
        return any(has_map(field.type) for field in kind)
    return bool(types.is_map(kind)) or (is_list(kind) and has_map(kind.value_type))


def _needs_raw(kind: Any) -> bool:
    """Tell whether a type holds values that pyarrow does not take as they are."""
    types = pyarrow().types
    if types.is_map(kind) or getattr(kind, "unit", "") == "ns":
        return True
    if types.is_struct(kind):
        return any(_needs_raw(field.type) for field in kind)
    return is_list(kind) and _needs_raw(kind.value_type)


def _raw(value: Any, kind: Any) -> Any:
    """Return a value with the numbers that times in nanoseconds are stored as, and so on."""
    types = pyarrow().types
    if value is None:
        return None
    if getattr(kind, "unit", "") == "ns":
        return nanoseconds_of(value)
    if types.is_struct(kind) and isinstance(value, dict):
        return {field.name: _raw(value.get(field.name), field.type) for field in kind}
    if types.is_map(kind):
        pairs = value.items() if isinstance(value, dict) else value
        return [(_raw(key, kind.key_type), _raw(item, kind.item_type)) for key, item in pairs]
    return [_raw(inner, kind.value_type) for inner in value] if is_list(kind) else value


def _is_near(kind: Any, inferred: Any) -> bool:
    """Tell whether a type holds values of the same sort as another one."""
    types = pyarrow().types
    if inferred is None:
        return has_map(kind)
    if kind == inferred or types.is_null(inferred):
        return True
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_timestamp(kind) and types.is_timestamp(inferred):
        return bool(kind.tz == inferred.tz)
    if types.is_map(kind):
        return bool(types.is_struct(inferred) or types.is_list(inferred))
    return any(of(kind) and of(inferred) for of in _sorts())


def _is_convertible(kind: Any, inferred: Any) -> bool:
    """Tell whether a type may hold the same numbers or moments as another one."""
    types = pyarrow().types
    if inferred is None:
        return False
    if types.is_integer(inferred):
        return bool(types.is_floating(kind) or types.is_decimal(kind))
    are_moments = types.is_timestamp(kind) and types.is_timestamp(inferred)
    return bool(are_moments) and None not in (kind.tz, inferred.tz)


def _sorts() -> list[Any]:
    types = pyarrow().types

    def is_text(kind: Any) -> bool:
        is_view = getattr(types, "is_string_view", lambda kind: False)(kind)
        return types.is_string(kind) or types.is_large_string(kind) or is_view

    def is_bytes(kind: Any) -> bool:
        is_view = getattr(types, "is_binary_view", lambda kind: False)(kind)
        is_long = types.is_binary(kind) or types.is_large_binary(kind)
        return is_long or types.is_fixed_size_binary(kind) or is_view

    return [
        *(types.is_integer, types.is_floating, types.is_decimal, types.is_date, types.is_time),
        *(types.is_duration, types.is_struct, is_list, is_text, is_bytes, types.is_boolean),
    ]


def _is_strict(kind: Any, inferred: Any) -> bool:
    """Tell whether pyarrow refuses every such value that a type does not hold exactly."""
    types = pyarrow().types
    if types.is_floating(kind):
        return bool(types.is_float64(kind))
    if types.is_temporal(kind):
        unit = getattr(kind, "unit", "")
        return unit == "ns" or types.is_date(kind) or unit == getattr(inferred, "unit", "")
    return not types.is_nested(kind)


def _same(read: Any, written: Any) -> bool:
    """Tell whether a value is what was to be written, fields that it had not being null."""
    if isinstance(written, dict) and isinstance(read, dict):
        return written.keys() <= read.keys() and all(
            _same(read[name], written.get(name)) for name in read
        )
    if isinstance(written, list | tuple) and isinstance(read, list | tuple):
        return len(read) == len(written) and all(map(_same, read, written))
    is_equal = read == written or (read != read and written != written)
    return bool(is_equal) and isinstance(read, bool) == isinstance(written, bool)
