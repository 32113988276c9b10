"""Infers the type of a Parquet column from the values that it is to hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

from batchmap.optional import require
from batchmap.sinks.value_conversion import unwritable

__all__ = [
    "MAX_DIGITS",
    "NATIVES",
    "decimal_type",
    "has_empty_struct",
    "inferred_type",
    "pyarrow",
]

NATIVES = (bytes, date, datetime, time, timedelta, Decimal)
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
    if kinds == {int, float}:
        return arrow.float64()
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
        aware = {_is_aware(value) for value in present}
        if len(aware) > 1:
            raise unwritable("TypeError", "the result mixes times with and without a zone")
        return arrow.timestamp("us", tz="UTC" if aware.pop() else None)
    if kind is time and any(value.tzinfo for value in present):
        raise unwritable("TypeError", "the result holds a time of day with a zone")
    if kind is int and (max(present) >= 1 << 63 or min(present) < -1 << 63):
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
        time: arrow.time64("us"),
        timedelta: arrow.duration("us"),
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
