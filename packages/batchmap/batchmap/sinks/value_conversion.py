"""Results turned into the few kinds of value that file formats know."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import NoneType
from typing import Any
from uuid import UUID

from batchmap.records import ItemFailure
from batchmap.worker.failures import describe_failure

__all__ = ["JSON", "Form", "Unwritable", "is_plain", "unwritable"]

_SCALARS = frozenset({str, int, float, bool, NoneType})
_KNOWN = _SCALARS | {list, tuple, dict}
_LONG_BITS = 2000
"""Python never refuses to write a number of fewer bits out in digits."""
_MOST_STEPS = 10
"""An Enum may hold an Enum; one that holds itself must not hang the run."""


class Unwritable(Exception):
    """A result that cannot be written, and the failure that its item gets."""

    def __init__(self, failure: ItemFailure) -> None:
        super().__init__(failure.error)
        self.failure = failure


class _NoForm(Exception):
    """A value of a kind that the format does not know."""


@dataclass(frozen=True, slots=True)
class Form:
    """What one file format knows of values."""

    name: str
    """As it is called in messages."""
    natives: tuple[type, ...] = ()
    """Kinds of value that it takes beyond those of JSON."""
    deepest: int = 500
    """Most levels of lists and objects; a reader must get down there with Python's usual stack."""
    takes_nan: bool = False
    """Whether nan and the infinities can be written."""

    def plain(self, value: Any) -> Any:
        """Return `value` made of exact `str`, `int`, `float`, `bool`, `None`, `list` and `dict`.

        Dates and times become ISO 8601 text; Decimal, UUID and paths text; an Enum its value; a
        numpy scalar its number and an array lists; a dataclass an object; a tuple a list. The
        format's natives stay. Raises `Unwritable` for everything else, and never anything else.
        """
        try:
            return self._plain(value, 0, set())
        except Unwritable:
            raise
        except RecursionError:
            raise self._too_deep() from None
        except Exception as error:  # of a property or method of the value's own class
            raise Unwritable(describe_failure(error)) from None

    def resolved(self, value: Any, *, nested: bool = False) -> Any:
        """Return `value` itself as a plain one, whatever the values in it are."""
        kind: type = type(value)
        simple = value
        for _ in range(_MOST_STEPS):
            if type(simple) in _KNOWN or type(simple) in self.natives:
                return simple
            try:
                simple = (_bare if isinstance(simple, self.natives) else _simpler)(simple)
            except _NoForm:
                kind = type(simple)
                break
        told = "the result holds" if nested else "returned"
        article = "an" if kind.__name__[:1].lower() in "aeiou" else "a"
        raise unwritable(
            "TypeError", f"{told} {article} {kind.__name__}, which {self.name} has no form for"
        )

    def _plain(self, value: Any, depth: int, holders: set[int]) -> Any:
        simple = self.resolved(value, nested=depth > 0)
        kind = type(simple)
        if kind is float and not (self.takes_nan or math.isfinite(simple)):
            raise unwritable(
                "ValueError", f"the result holds {simple}, which {self.name} has no word for"
            )
        if kind is int and simple.bit_length() > _LONG_BITS:
            _check_digits(simple)
        if kind not in (list, tuple, dict):
            return simple
        if depth >= self.deepest:
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

    def keyed(self, row: dict[Any, Any]) -> dict[str, Any]:
        """Return `row` with exact text as its keys; raises `Unwritable` for others."""
        if set(map(type, row)) <= {str}:
            return row
        plain = {self._key(key): inner for key, inner in row.items()}
        check_distinct(plain, row)
        return plain

    def _key(self, key: Any) -> str:
        if isinstance(key, str):
            return str.__str__(key)
        raise unwritable(
            "TypeError",
            f"the result has the key {key!r:.60} ({type(key).__name__}); "
            f"{self.name} has text keys only",
        )

    def _too_deep(self) -> Unwritable:
        return unwritable(
            "ValueError", f"the result is nested more than {self.deepest} levels deep"
        )


JSON = Form("JSON")


def unwritable(error_type: str, message: str) -> Unwritable:
    return Unwritable(ItemFailure(error_type, message, ""))


def is_plain(value: Any, levels: int = 20) -> bool:
    """Tell quickly whether `value` is plain already; a deeper one than `levels` counts as not."""
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
    if len(plain) != len(row):  # a class of text may compare in its own way
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
        return datetime.combine(value.date(), value.timetz())
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    if isinstance(value, timedelta):
        return timedelta(value.days, value.seconds, value.microseconds)
    if isinstance(value, Decimal):
        return Decimal(value)
    if isinstance(value, bytes):
        return bytes(value)
    raise _NoForm


def _simpler(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    numpy = sys.modules.get("numpy")  # a numpy value cannot be there without it
    if numpy and isinstance(value, (numpy.generic, numpy.ndarray)):
        return _from_numpy(value, numpy)
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
        return value.isoformat()
    if isinstance(value, (Decimal, UUID, PurePath)):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise _NoForm


def _from_numpy(value: Any, numpy: Any) -> Any:
    kind = value.dtype.kind
    if isinstance(value, numpy.ndarray):
        if kind == "m":
            raise _NoForm
        if kind == "M":  # whole nanoseconds would come out as bare numbers
            return list(value) if value.ndim else value[()]
        return value.tolist()
    if kind == "M" and not numpy.isnat(value):
        return str(value)
    simple = value.item()
    if kind in "mM" or type(simple) is type(value):  # a long double has no Python number
        raise _NoForm
    return simple
