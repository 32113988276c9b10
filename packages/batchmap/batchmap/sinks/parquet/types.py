"""Infers the type of a Parquet column from the values that it is to hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from itertools import chain
from typing import Any

from batchmap.arrow import NanosecondDatetime, NanosecondTime, NanosecondTimedelta
from batchmap.arrow.values import zone_named
from batchmap.optional import require
from batchmap.sinks.values.value_conversion import unwritable

__all__ = [
    "MAX_DIGITS",
    "NATIVES",
    "decimal_type",
    "has_empty_struct",
    "inferred_type",
    "pyarrow",
]

_OF_NANOSECONDS: dict[type, type] = {
    NanosecondDatetime: datetime,
    NanosecondTime: time,
    NanosecondTimedelta: timedelta,
}
NATIVES = (bytes, date, datetime, time, timedelta, Decimal, *_OF_NANOSECONDS)
MAX_DIGITS = 76
_NARROW_DIGITS = 38


def pyarrow(module: str = "pyarrow") -> Any:
    """Return a module of pyarrow, which has no types; raises `UsageError` when it is missing."""
    return require(module, "formats", "Parquet output", advice=", or name a .jsonl file")


def inferred_type(values: Iterable[Any]) -> Any:
    """Return the one type that all `values` have; raises `Unwritable` when they have several.

    pyarrow's own inference is too lax: it takes text for bytes, among others. The values are what
    `Form.plain` returns, or of `NATIVES`.
    """
    arrow = pyarrow()
    present = [value for value in values if value is not None]
    kinds = set(map(type, present))
    if not kinds:
        return arrow.null()
    unit = "us"
    if not kinds.isdisjoint(_OF_NANOSECONDS):
        kinds = {_OF_NANOSECONDS.get(kind, kind) for kind in kinds}
        unit = "ns"
    if kinds == {int, float}:
        return arrow.float64()
    if tuple in kinds:  # a pair of a map that was read back
        kinds = kinds - {tuple} | {list}
    if len(kinds) > 1:
        mixed = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise unwritable("TypeError", f"the result mixes {mixed} in one list")
    (kind,) = kinds
    if kind is dict:
        names = dict.fromkeys(chain.from_iterable(present))
        fields = {name: inferred_type([row.get(name) for row in present]) for name in names}
        return arrow.struct(list(fields.items()))
    if kind is list:
        return arrow.list_(inferred_type(chain.from_iterable(present)))
    if kind is Decimal:
        return decimal_type(*_digits(present))
    if kind is datetime:
        return arrow.timestamp(unit, tz=_zone(present))
    if kind is time and any(value.tzinfo for value in present):
        raise unwritable("TypeError", "the result holds a time of day with a zone")
    if kind is int and (max(present) >= 1 << 63 or min(present) < -1 << 63):
        if min(present) >= 0 and max(present) < 1 << 64:
            return arrow.uint64()
        raise unwritable(
            "ValueError",
            "the result holds a whole number of more than 64 bits, which Parquet has no form for",
        )
    return {
        bool: arrow.bool_(),
        int: arrow.int64(),
        float: arrow.float64(),
        str: arrow.string(),
        bytes: arrow.binary(),
        date: arrow.date32(),
        time: arrow.time64(unit),
        timedelta: arrow.duration(unit),
    }[kind]


def decimal_type(whole: int, scale: int) -> Any:
    """Return the type of decimals with so many digits before and after the point."""
    digits = max(whole + scale, 1)
    if digits > MAX_DIGITS:
        raise unwritable("ValueError", f"the result holds a decimal of {digits} digits")
    narrow = digits <= _NARROW_DIGITS
    return (pyarrow().decimal128 if narrow else pyarrow().decimal256)(digits, scale)


def has_empty_struct(kind: Any) -> bool:
    """Tell whether a type holds an object without fields, which Parquet cannot write."""
    types = pyarrow().types
    if types.is_list(kind):
        return has_empty_struct(kind.value_type)
    return types.is_struct(kind) and (
        not kind.num_fields or any(has_empty_struct(field.type) for field in kind)
    )


def _zone(moments: Sequence[datetime]) -> str | None:
    """Return the zone of a column: that of all moments, or UTC; `None` where they have none."""
    zones = {id(moment.tzinfo): moment.tzinfo for moment in moments}
    if set(zones.values()) == {None}:
        return None
    aware = {_is_aware(moment) for moment in moments}
    if len(aware) > 1:
        raise unwritable("TypeError", "the result mixes times with and without a zone")
    if not aware.pop():
        return None
    names = {_zone_name(zone) for zone in zones.values()}
    return names.pop() if len(names) == 1 else "UTC"


def _zone_name(zone: tzinfo | None) -> str:
    """Return the name of a zone that every reader knows; UTC, in which all moments can be told."""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)  # of zoneinfo, of pytz
    if isinstance(zone, timezone) and zone.utcoffset(None):
        name = str(zone).removeprefix("UTC")
    return name if isinstance(name, str) and zone_named(name) is not None else "UTC"


def _is_aware(moment: datetime) -> bool:
    aware = moment.utcoffset() is not None
    if aware and moment.year in (MINYEAR, MAXYEAR):
        moment.astimezone(UTC)  # raises an error when that is out of Python's range
    return aware


def _digits(decimals: Sequence[Decimal]) -> tuple[int, int]:
    """Return how many digits these decimals need before and after the point."""
    whole = scale = 0
    for _, digits, exponent in map(Decimal.as_tuple, decimals):
        if not isinstance(exponent, int):
            raise unwritable("ValueError", "the result holds a decimal that is no number")
        whole = max(whole, len(digits) + exponent)
        scale = max(scale, -exponent)
    return whole, scale
