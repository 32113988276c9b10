"""Turns results into the few types of values that file formats know."""

from __future__ import annotations

import json
import math
import sys
from array import array
from collections import UserList, deque
from collections.abc import ItemsView, Iterable, KeysView, Mapping, Set, ValuesView
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import PurePath
from types import NoneType, SimpleNamespace
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from batchmap.arrow import NanosecondDatetime, NanosecondTimedelta
from batchmap.arrow.durations import beyond, timedelta_of
from batchmap.arrow.nanoseconds import datetime_of
from batchmap.records import ItemFailure
from batchmap.sinks.library_values import NO_FORM, is_missing, of_library
from batchmap.worker.failures import Unwritable, describe_failure

__all__ = ["JSON", "STRICT_JSON", "Form", "Unwritable", "is_plain", "unwritable"]

_SCALARS = frozenset({str, int, float, bool, NoneType})
_KNOWN = _SCALARS | {list, tuple, dict}
_LONG_BITS = 2000
"""Python converts an integer of fewer bits to digits whatever its limit of digits is."""
_MAX_STEPS = 10
"""The value of an Enum may be an Enum again; one that is its own value must not hang the run."""


_TEXTS = (
    Decimal,
    UUID,
    PurePath,
    ZoneInfo,
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
_KEYS = (Enum, int, float, date, time, *_TEXTS)
_SEQUENCES = (deque, range, UserList, array, ValuesView, KeysView, ItemsView)


class _NoForm(Exception):
    """A value of a type that the format does not know."""


@dataclass(frozen=True, slots=True)
class Form:
    """Which values a file format can hold."""

    name: str
    """As it is called in messages."""
    natives: tuple[type, ...] = ()
    """Types of values that it takes beyond those of JSON."""
    max_depth: int = 500
    """Levels of lists and objects at most; Python's usual stack must be enough to read them."""
    nan: Literal["null", "kept", "refused"] = "null"
    """What becomes of nan and the infinities, and of pandas' and numpy's values for nothing."""
    any_keys: bool = False
    """Whether the keys of a dict may be of any type."""

    def plain(self, value: Any) -> Any:
        """Return `value` made of exact `str`, `int`, `float`, `bool`, `None`, `list` and `dict`.

        Dates, times and durations become ISO 8601 text; Decimal, UUID, paths and addresses text;
        an Enum its value; a numpy scalar its number and an array lists; a dataclass, a named
        tuple, an object of pydantic, attrs or msgspec an object; a tuple, a set, a table or a
        column a list. The format's natives stay. Raises `Unwritable` for everything else, and
        never anything else.
        """
        try:
            return self._plain(value, 0, set())
        except Unwritable:
            raise
        except RecursionError:
            raise self._too_deep() from None
        except Exception as error:  # raised by the value's own class
            raise Unwritable(describe_failure(error)) from None

    def resolved(self, value: Any, *, nested: bool = False) -> Any:
        """Return `value` as `plain` does, but with the values in it as they are."""
        kind: type = type(value)
        simple = value
        for _ in range(_MAX_STEPS):
            if type(simple) in _KNOWN or type(simple) in self.natives:
                return simple
            if is_missing(simple):
                return math.nan if self.nan == "refused" else None
            try:
                is_native = isinstance(simple, self.natives)
                simple = _bare(simple) if is_native else _simpler(simple, self.natives)
            except _NoForm:
                kind = type(simple)
                break
        subject = "the result holds" if nested else "returned"
        article = "an" if kind.__name__[:1].lower() in "aeiou" else "a"
        raise unwritable(
            "TypeError", f"{subject} {article} {kind.__name__}, which {self.name} has no form for"
        )

    def _plain(self, value: Any, depth: int, holders: set[int]) -> Any:
        simple = self.resolved(value, nested=depth > 0)
        kind = type(simple)
        if kind is float and self.nan != "kept" and not math.isfinite(simple):
            if self.nan == "null":
                return None
            raise unwritable(
                "ValueError", f"the result holds {simple}, which {self.name} has no word for"
            )
        if kind is int and simple.bit_length() > _LONG_BITS:
            _check_digits(simple)
        if kind not in (list, tuple, dict):
            return simple
        if depth >= self.max_depth:
            raise self._too_deep()
        if id(value) in holders:
            raise unwritable("ValueError", "the result holds itself")
        holders.add(id(value))
        plain: Any
        if kind is dict:
            plain = {}
            for key, inner in simple.items():
                plain[self._key(key)] = self._plain(inner, depth + 1, holders)
            check_distinct(plain, simple)
        else:
            plain = []
            for inner in simple:
                plain.append(self._plain(inner, depth + 1, holders))
        holders.discard(id(value))
        return plain

    def keyed(self, row: dict[Any, Any]) -> dict[Any, Any]:
        """Return `row` with keys of exact `str`; raises `Unwritable` for keys that are no text.

        Numbers, dates and the like are keys by their text, as `json.dumps` has them.
        """
        if self.any_keys or set(map(type, row)) <= {str}:
            return row
        plain = {self._key(key): inner for key, inner in row.items()}
        check_distinct(plain, row)
        return plain

    def _key(self, key: Any) -> Any:
        if isinstance(key, str):
            return str.__str__(key)
        if self.any_keys:
            return key
        simple = _JSON_KEYS.resolved(key) if _has_key_text(key) else None
        if type(simple) is str:
            return simple
        if type(simple) in (int, float, bool) or key is None:
            return json.dumps(simple)
        raise unwritable(
            "TypeError",
            f"the result has the key {key!r:.60} ({type(key).__name__}); "
            f"{self.name} has text keys only",
        )

    def _too_deep(self) -> Unwritable:
        return unwritable(
            "ValueError", f"the result is nested more than {self.max_depth} levels deep"
        )


JSON = Form("JSON")
STRICT_JSON = Form("JSON", nan="refused")
_JSON_KEYS = Form("JSON", nan="kept")


def unwritable(error_type: str, message: str) -> Unwritable:
    """Return the error for a result that cannot be written, without a traceback."""
    return Unwritable(ItemFailure(error_type, message, ""))


def is_plain(value: Any, levels: int = 20) -> bool:
    """Tell quickly whether `value` is plain already; one of more than `levels` levels is not."""
    kind = type(value)
    inner: Iterable[Any]
    if kind is dict:
        if not set(map(type, value)) <= {str}:
            return False
        inner = value.values()
    elif kind is list or kind is tuple:
        inner = value
    else:
        return kind in _SCALARS
    return set(map(type, inner)) <= _SCALARS or (
        levels > 0 and all(is_plain(one, levels - 1) for one in inner)
    )


def check_distinct(plain: dict[str, Any], row: dict[Any, Any]) -> None:
    """Raise `Unwritable` when two keys of `row` became one in `plain`."""
    if len(plain) != len(row):  # a subclass of `str` may compare in its own way
        raise unwritable("ValueError", "the result has two keys with the same text")


def _check_digits(number: int) -> None:
    try:
        int.__repr__(number)
    except ValueError:
        raise unwritable(
            "ValueError",
            f"the result holds a whole number of more than {sys.get_int_max_str_digits()} digits, "
            "which Python does not read back",
        ) from None


def _bare(value: Any) -> Any:
    """Return a value of a subclass, such as a Timestamp of pandas, as one of the class itself."""
    if isinstance(value, datetime):
        if value != value:  # NaT of pandas
            return None
        moment = datetime.combine(value.date(), value.timetz())
        return NanosecondDatetime.of(moment, more) if (more := beyond(value)) else moment
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    if isinstance(value, timedelta):
        duration = timedelta(value.days, value.seconds, value.microseconds)
        return NanosecondTimedelta.of(duration, more) if (more := beyond(value)) else duration
    if isinstance(value, time):
        parts = value.hour, value.minute, value.second, value.microsecond
        return time(*parts, value.tzinfo, fold=value.fold)
    if isinstance(value, Decimal):
        return Decimal(value)
    if isinstance(value, bytes):
        return bytes(value)
    raise _NoForm


def _has_key_text(key: Any) -> bool:
    """Tell whether a key that is no text is a number, a date or the like."""
    return key is None or isinstance(key, _KEYS) or type(key).__module__ == "numpy"


def _iso_duration(value: timedelta) -> str:
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    micros = f".{value.microseconds:06}".rstrip("0") if value.microseconds else ""
    days = f"{value.days}D" if value.days else ""
    return f"{sign}P{days}T{value.seconds}{micros}S"


def _simpler(value: Any, natives: tuple[type, ...]) -> Any:
    if isinstance(value, Enum):
        return value.value
    numpy = sys.modules.get("numpy")  # without it, there are no values of numpy
    is_of_numpy = numpy and natives and isinstance(value, numpy.generic | numpy.ndarray)
    if is_of_numpy and value.dtype.kind in "mM":
        return _time_of_numpy(value, numpy, natives)
    if (simple := of_library(value)) is not NO_FORM:
        return simple
    if isinstance(value, tuple) and hasattr(type(value), "_fields"):
        return dict(zip(getattr(value, "_fields"), value, strict=True))  # noqa: B009
    for container in (dict, list, tuple):
        if isinstance(value, container):
            return container(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, (datetime, date, time)):
        if value != value:  # NaT of pandas
            raise _NoForm
        return value.isoformat()
    if isinstance(value, timedelta):
        return _iso_duration(value)
    if isinstance(value, _TEXTS):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, SimpleNamespace):
        return vars(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set):
        return _in_order(value)
    if isinstance(value, _SEQUENCES):
        return list(value)
    raise _NoForm


def _time_of_numpy(value: Any, numpy: Any, natives: tuple[type, ...]) -> Any:
    """Return moments or durations of numpy as native values of the format, or else as text."""
    if isinstance(value, numpy.ndarray):  # `tolist` would give nanoseconds as bare numbers
        return list(value) if value.ndim else value[()]
    kind = timedelta if value.dtype.kind == "m" else datetime
    if kind not in natives:
        if kind is timedelta or numpy.isnat(value):
            raise _NoForm
        return str(value)
    if numpy.isnat(value):
        return None
    unit, _ = numpy.datetime_data(value.dtype)
    if unit == "generic":  # a number of nobody knows what
        raise _NoForm
    if kind is datetime and unit in ("Y", "M", "W", "D"):
        simple = value.astype("datetime64[D]").item()
    elif unit == "ns":
        number = int(value.astype("int64"))
        simple = datetime_of(number) if kind is datetime else timedelta_of(number)
    else:
        exact = value.astype(f"{value.dtype.kind}8[us]")
        simple = exact.item() if exact == value else None
    if not isinstance(simple, date | timedelta):
        raise _NoForm  # it is finer, or beyond Python's years
    return simple


def _in_order(values: Iterable[Any]) -> list[Any]:
    """Return what a set holds in an order that is the same in each run, where it has one."""
    found = list(values)
    try:
        return sorted(found)
    except Exception:
        return found
