"""Which type of Arrow holds what two others hold, and what of earlier values forbids it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from batchmap.arrow.values import zone_named
from batchmap.sinks.parquet.arrays import is_list
from batchmap.sinks.parquet.types import MAX_DIGITS, decimal_type, pyarrow

__all__ = ["NO_VALUE", "Fact", "FieldPath", "facts_of", "general", "widened", "writable"]

FieldPath = tuple[str | None, ...]
"""The names of fields from the column inwards, `None` for the elements of a list."""

Fact = tuple[str, FieldPath]
"""What is true of a field's values so far, and the field."""

NO_VALUE = "no value"
_EXACT = "integers that no float holds"
_NEGATIVE = "negative integers"
_LONG = "times beyond nanoseconds"

_EXACT_FLOATS = 1 << 53
_NANOSECONDS_END_US = (1 << 63) // 1000


def general(kind: Any) -> Any:
    """Return the type that Python's own values of a type have, which holds them all."""
    arrow, types = pyarrow(), pyarrow().types
    if types.is_dictionary(kind):
        return general(kind.value_type)
    if types.is_integer(kind):
        return arrow.uint64() if types.is_uint64(kind) else arrow.int64()
    if types.is_floating(kind):
        return arrow.float64()
    if types.is_date(kind):
        return arrow.date32()
    if types.is_time(kind):
        return arrow.time64("ns" if kind.unit == "ns" else "us")
    if types.is_timestamp(kind):
        return arrow.timestamp("ns" if kind.unit == "ns" else "us", tz=kind.tz)
    if types.is_duration(kind):
        return arrow.duration("ns" if kind.unit == "ns" else "us")
    if is_list(kind):
        return arrow.list_(general(kind.value_type))
    if types.is_struct(kind):
        return arrow.struct([(field.name, general(field.type)) for field in kind])
    if types.is_map(kind):
        return arrow.map_(general(kind.key_type), general(kind.item_type))
    if types.is_large_string(kind) or kind == getattr(arrow, "string_view", arrow.string)():
        return arrow.string()
    is_bytes = types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    if is_bytes or kind == getattr(arrow, "binary_view", arrow.binary)():
        return arrow.binary()
    return kind


def writable(kind: Any) -> Any:
    """Return a type of an input as results can have it.

    Times are in a zone that is known; lists have any length, as pyarrow writes no null among those
    of a fixed one; what belongs to an extension is told by its values, as the null type says.
    """
    arrow, types = pyarrow(), pyarrow().types
    if types.is_timestamp(kind) and kind.tz is not None and zone_named(kind.tz) is None:
        return arrow.timestamp(kind.unit, tz="UTC")
    if types.is_fixed_size_list(kind):
        return arrow.list_(writable(kind.value_type))
    if types.is_large_list(kind):
        return arrow.large_list(writable(kind.value_type))
    if types.is_list(kind):
        return arrow.list_(writable(kind.value_type))
    if types.is_map(kind):
        return arrow.map_(writable(kind.key_type), writable(kind.item_type))
    if types.is_struct(kind):
        return arrow.struct([(field.name, writable(field.type)) for field in kind])
    return arrow.null() if isinstance(kind, arrow.BaseExtensionType) else kind


def widened(old: Any, new: Any, facts: Collection[Fact], path: FieldPath) -> Any:
    """Return the narrowest type that holds both, `None` when there is none.

    `facts` are those of the values of `old`, at `path`.
    """
    arrow, types = pyarrow(), pyarrow().types
    if old == new or types.is_null(new):
        return old
    if types.is_null(old):
        return new
    pair = {old, new}
    if arrow.float64() in pair and pair & {arrow.int64(), arrow.uint64()}:
        return None if (_EXACT, path) in facts else arrow.float64()
    if pair == {arrow.int64(), arrow.uint64()}:
        return None if (_NEGATIVE, path) in facts else arrow.uint64()
    if types.is_decimal(old) and types.is_decimal(new):
        scale = max(old.scale, new.scale)
        whole = max(old.precision - old.scale, new.precision - new.scale)
        return decimal_type(whole, scale) if whole + scale <= MAX_DIGITS else None
    if any(of(old) and of(new) for of in (types.is_timestamp, types.is_duration, types.is_time)):
        return _longer(old, new, facts, path)
    if types.is_list(old) and types.is_list(new):
        inner = widened(old.value_type, new.value_type, facts, (*path, None))
        return None if inner is None else arrow.list_(inner)
    if types.is_struct(old) and types.is_struct(new):
        fields = {field.name: field.type for field in old}
        for field in new:
            known = fields.get(field.name, field.type)
            fields[field.name] = widened(known, field.type, facts, (*path, field.name))
        fits = all(kind is not None for kind in fields.values())
        return arrow.struct(list(fields.items())) if fits else None
    return None


def _longer(old: Any, new: Any, facts: Collection[Fact], path: FieldPath) -> Any:
    """Return the type of times that holds both, in UTC where their zones differ."""
    arrow = pyarrow()
    unit = "ns" if "ns" in (old.unit, new.unit) else "us"
    if unit == "ns" and old.unit != "ns" and (_LONG, path) in facts:
        return None
    if not arrow.types.is_timestamp(old):
        return (arrow.duration if arrow.types.is_duration(old) else arrow.time64)(unit)
    if (old.tz is None) != (new.tz is None):
        return None
    return arrow.timestamp(unit, tz=old.tz if old.tz == new.tz else "UTC")


def facts_of(array: Any, path: FieldPath) -> Iterator[Fact]:
    """Yield what is true of these values and matters where their type is to be widened."""
    types = pyarrow().types
    for chunk in getattr(array, "chunks", [array]):
        kind = chunk.type
        if types.is_int64(kind) or types.is_uint64(kind):
            low, high = _ends(chunk)
            if low < 0:
                yield _NEGATIVE, path
            if (low < -_EXACT_FLOATS or high > _EXACT_FLOATS) and not _floats_hold(chunk):
                yield _EXACT, path
        elif types.is_integer(kind):
            if not types.is_unsigned_integer(kind):
                yield _NEGATIVE, path
        elif types.is_timestamp(kind) or types.is_duration(kind):
            if kind.unit != "ns":
                size = {"s": 1_000_000, "ms": 1000, "us": 1}[kind.unit]
                low, high = _ends(chunk.view("int64"))
                if max(-low, high) * size >= _NANOSECONDS_END_US:
                    yield _LONG, path
        elif is_list(kind):
            yield from facts_of(chunk.flatten(), (*path, None))
        elif types.is_struct(kind):
            for field, inner in zip(kind, chunk.flatten(), strict=True):
                yield from facts_of(inner, (*path, field.name))


def _ends(array: Any) -> tuple[int, int]:
    """Return the least and the greatest of whole numbers, 0 where there is none."""
    found = pyarrow("pyarrow.compute").min_max(array)
    low, high = found["min"].as_py(), found["max"].as_py()
    return (0, 0) if low is None else (low, high)


def _floats_hold(array: Any) -> bool:
    try:
        array.cast(pyarrow().float64())
    except ValueError:  # the base class of pyarrow's error
        return False
    return True
