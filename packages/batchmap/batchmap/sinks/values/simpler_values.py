"""Makes values of Python's and other libraries' types simpler, a step at a time."""

from __future__ import annotations

import sys
from array import array
from collections import UserList, deque
from collections.abc import ItemsView, Iterable, KeysView, Mapping, Set, ValuesView
from dataclasses import fields, is_dataclass
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
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from batchmap.arrow import NanosecondDatetime, NanosecondTimedelta
from batchmap.arrow.durations import beyond, timedelta_of
from batchmap.arrow.nanoseconds import datetime_of
from batchmap.sinks.values.library_values import NO_FORM, of_library

__all__ = ["TEXTS", "NoFormError", "bare", "simpler"]

TEXTS = (
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
"""Types whose values are their text."""

_SEQUENCES = (deque, range, UserList, array, ValuesView, KeysView, ItemsView)


class NoFormError(Exception):
    """A value of a type that the format does not know."""


def bare(value: Any) -> Any:
    """Return a value of a subclass, such as a Timestamp of pandas, as one of the class itself.

    Raises `NoFormError` where there is none.
    """
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
    raise NoFormError


def _iso_duration(value: timedelta) -> str:
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    fraction = f".{value.microseconds:06}{beyond(value):03}".rstrip("0").rstrip(".")
    days = f"{value.days}D" if value.days else ""
    return f"{sign}P{days}T{value.seconds}{fraction}S"


def simpler(value: Any, natives: tuple[type, ...]) -> Any:
    """Return a value as one of a simpler type, which may have to be made simpler again.

    `natives` are types that the format takes as they are. Raises `NoFormError` for what has none.
    """
    if isinstance(value, Enum):
        return value.value
    numpy = sys.modules.get("numpy")  # without it, there are no values of numpy
    is_of_numpy = numpy and isinstance(value, numpy.generic | numpy.ndarray)
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
            raise NoFormError
        return value.isoformat()
    if isinstance(value, timedelta):
        return _iso_duration(value)
    if isinstance(value, TEXTS):
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
    raise NoFormError


def _time_of_numpy(value: Any, numpy: Any, natives: tuple[type, ...]) -> Any:
    """Return moments or durations of numpy as native values of the format, or else as text."""
    if isinstance(value, numpy.ndarray):  # `tolist` would give nanoseconds as bare numbers
        return list(value) if value.ndim else value[()]
    if numpy.isnat(value):
        return None
    kind = timedelta if value.dtype.kind == "m" else datetime
    if kind is datetime and datetime not in natives:
        return str(value)
    unit, _ = numpy.datetime_data(value.dtype)
    if unit == "generic" or (kind is timedelta and unit in "YM"):  # of no known length
        raise NoFormError
    if kind is datetime and unit in ("Y", "M", "W", "D"):
        simple = value.astype("datetime64[D]").item()
    elif unit == "ns":
        number = int(value.astype("int64"))
        simple = datetime_of(number) if kind is datetime else timedelta_of(number)
    else:
        exact = value.astype(f"{value.dtype.kind}8[us]")
        simple = exact.item() if exact == value else None
    if not isinstance(simple, date | timedelta):
        raise NoFormError  # it is finer, or beyond Python's years
    return simple


def _in_order(values: Iterable[Any]) -> list[Any]:
    """Return what a set holds in an order that is the same in each run, where it has one."""
    found = list(values)
    try:
        return sorted(found)
    except Exception:
        return found
