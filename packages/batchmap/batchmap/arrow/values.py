"""Turns arrays of Arrow into values of Python, the same ones whatever else is installed.

They are what pyarrow's `to_pylist` gives, except that

* nanoseconds that Python's classes cannot hold are of `arrow.nanoseconds`, where pyarrow gives
  pandas' classes, cuts the digits off, or fails, by whether pandas is installed;
* zones are of `zoneinfo`, or fixed offsets; in one that is neither, times are those of UTC;
* a map whose keys are text, each once, is a dict.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, timedelta, timezone, tzinfo
from itertools import accumulate, pairwise
from typing import Any

from batchmap.arrow.durations import timedelta_of
from batchmap.arrow.nanoseconds import datetime_of, time_of
from batchmap.optional import require

__all__ = ["rows_of", "unknown_zones", "values_of", "zone_named"]

_NANOSECONDS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1000, "ns": 1}
_OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):?([0-5]\d)")


def zone_named(name: str) -> tzinfo | None:
    """Return the zone of a column's type, `None` for one that nobody knows."""
    if found := _OFFSET.fullmatch(name):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-offset if found[1] == "-" else offset)
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return None


def unknown_zones(kind: Any) -> Iterator[str]:
    """Yield the names of the zones in a type that nobody knows."""
    if (name := getattr(kind, "tz", None)) is not None and zone_named(name) is None:
        yield name
    for inner in _inner_types(kind):
        yield from unknown_zones(inner)


def rows_of(batch: Any, twins: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a record batch or table as dicts; `twins` are as for `values_of`."""
    names = batch.schema.names
    if not names:
        return list(batch.to_pylist())
    twins = twins or {}
    columns = [
        values_of(column, twins.get(name))
        for name, column in zip(names, batch.columns, strict=True)
    ]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def values_of(array: Any, twin: Any = None) -> list[Any]:
    """Return the values of an array or chunked array.

    `twin` holds the same times modulo 2**64 nanoseconds where `array` has them in microseconds:
    together, they are exact. Raises what the library does for a value that Python cannot hold.
    """
    convert = _converter(array.type)
    chunks = getattr(array, "chunks", None)
    if convert is None:
        if chunks is None:
            return _plain(array)
        return [value for chunk in chunks for value in _plain(chunk)]
    if chunks is None:
        return convert(array, twin)
    return [value for chunk in chunks for value in convert(chunk, twin)]


def _plain(array: Any) -> list[Any]:
    """Return the values that `to_pylist` gives; of the commonest types, in a tenth of the time."""
    types, kind = _types(), array.type
    is_text = types.is_string(kind) or types.is_large_string(kind)
    is_number = types.is_integer(kind) or types.is_float32(kind) or types.is_float64(kind)
    if is_text or (array.null_count == 0 and (is_number or types.is_boolean(kind))):
        with suppress(Exception):  # NumPy is missing, or a value is no text, as is said below
            return list(array.to_numpy(zero_copy_only=False).tolist())
    return list(array.to_pylist())


_Convert = Callable[[Any, Any], list[Any]]


def _converter(kind: Any) -> _Convert | None:
    """Return what turns an array of a type into values, `None` where `to_pylist` does."""
    types = _types()
    if types.is_timestamp(kind):
        return _moments if kind.tz is not None or kind.unit == "ns" else _plain_moments
    if types.is_time64(kind) and kind.unit == "ns":
        return lambda array, _: [n if n is None else time_of(n) for n in _numbers(array)]
    if types.is_duration(kind) and kind.unit == "ns":
        return lambda array, _: [n if n is None else timedelta_of(n) for n in _numbers(array)]
    if types.is_dictionary(kind):
        if _converter(kind.value_type) is None:
            return None
        return lambda array, _: values_of(array.dictionary_decode())
    if types.is_map(kind):
        return _maps
    if not any(_converter(inner) is not None for inner in _inner_types(kind)):
        return None
    return _objects if types.is_struct(kind) else _lists


def _types() -> Any:
    return require("pyarrow", "formats", "Parquet").types


def _inner_types(kind: Any) -> list[Any]:
    types = _types()
    if types.is_map(kind):
        return [kind.key_type, kind.item_type]
    if types.is_struct(kind):
        return [kind.field(number).type for number in range(kind.num_fields)]
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return [kind.value_type] if is_list or types.is_dictionary(kind) else []


def _numbers(array: Any) -> list[int | None]:
    """Return the whole numbers that times are stored as."""
    return list(array.view("int64").to_pylist())


def _plain_moments(array: Any, twin: Any) -> list[Any]:
    return list(array.to_pylist()) if twin is None else _moments(array, twin)


def _moments(array: Any, twin: Any) -> list[Any]:
    kind = array.type
    zone = None if kind.tz is None else zone_named(kind.tz) or zone_named("UTC") or UTC
    size = _NANOSECONDS[kind.unit]
    numbers = [n if n is None else n * size for n in _numbers(array)]
    if twin is not None:
        pairs = zip(numbers, _numbers(twin), strict=True)
        numbers = [n if n is None or m is None else n + (m - n) % 2**64 % 1000 for n, m in pairs]
    return [n if n is None else datetime_of(n, zone) for n in numbers]


def _objects(array: Any, twin: Any) -> list[Any]:
    names = [array.type.field(number).name for number in range(array.type.num_fields)]
    twins = [None] * len(names) if twin is None else twin.flatten()
    fields = [values_of(*both) for both in zip(array.flatten(), twins, strict=True)]
    rows = (dict(zip(names, row, strict=True)) for row in zip(*fields, strict=True))
    return [row if present else None for row, present in zip(rows, _presence(array), strict=True)]


def _lists(array: Any, twin: Any) -> list[Any]:
    values = values_of(_elements(array), None if twin is None else _elements(twin))
    return _cut(values, array)


def _maps(array: Any, twin: Any) -> list[Any]:
    elements = _elements(array)
    twins = (None, None) if twin is None else _elements(twin).flatten()
    keys, items = map(values_of, elements.flatten(), twins)
    pairs = _cut(list(zip(keys, items, strict=True)), array)
    types, kind = _types(), array.type.key_type
    if not (types.is_string(kind) or types.is_large_string(kind)):
        return pairs
    return [found if found is None else _as_dict(found) for found in pairs]


def _as_dict(pairs: list[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    return found if len(found) == len(pairs) else pairs


def _elements(array: Any) -> Any:
    """Return the elements of all lists or maps one after another, those of null left out."""
    arrow = require("pyarrow", "formats", "Parquet")
    kind = array.type
    if arrow.types.is_fixed_size_list(kind):
        return array.drop_null().flatten()
    if arrow.types.is_map(kind):
        pair = arrow.struct([kind.key_field, kind.item_field])
        array = array.cast(arrow.list_(arrow.field("entries", pair, nullable=False)))
    return array.flatten()


def _cut(values: list[Any], array: Any) -> list[Any]:
    """Return the elements of all lists cut into one for each, `None` for null."""
    lengths = _lengths(array)
    ends = accumulate((length or 0 for length in lengths), initial=0)
    cut = (values[start:end] for start, end in pairwise(ends))
    return [one if length is not None else None for one, length in zip(cut, lengths, strict=True)]


def _lengths(array: Any) -> list[int | None]:
    kind = array.type
    types = _types()
    if types.is_fixed_size_list(kind):
        return [kind.list_size if present else None for present in _presence(array)]
    starts = array.offsets.to_pylist()
    ends = pairwise(starts)
    return [
        end - start if present else None
        for (start, end), present in zip(ends, _presence(array), strict=True)
    ]


def _presence(array: Any) -> list[bool]:
    return list(array.is_valid().to_pylist())
