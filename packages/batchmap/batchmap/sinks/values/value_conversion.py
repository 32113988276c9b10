"""Turns results into the few types of values that file formats know."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from enum import Enum
from types import NoneType
from typing import Any, Literal

from batchmap.records import ItemFailure
from batchmap.sinks.values.library_values import is_missing
from batchmap.worker.failures import Unwritable, describe_failure

__all__ = ["JSON", "STRICT_JSON", "Form", "Unwritable", "is_plain", "unwritable"]

_SCALARS = frozenset({str, int, float, bool, NoneType})
_TEXT = frozenset({str})
_KNOWN = _SCALARS | {list, tuple, dict}
# `simpler_values`, which takes a while to load, is imported where there is a value of another type.
_LONG_BITS = 2000
"""Python converts an integer of fewer bits to digits whatever its limit of digits is."""
_MAX_STEPS = 10
"""The value of an Enum may be an Enum again; one that is its own value must not hang the run."""


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
            from batchmap.sinks.values.simpler_values import NoFormError, bare, simpler

            if is_missing(simple):
                return math.nan if self.nan == "refused" else None
            try:
                is_native = isinstance(simple, self.natives)
                simple = bare(simple) if is_native else simpler(simple, self.natives)
            except NoFormError:
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
        if not _TEXT.issuperset(map(type, value)):
            return False
        inner = value.values()
    elif kind is list or kind is tuple:
        inner = value
    else:
        return kind in _SCALARS
    return _SCALARS.issuperset(map(type, inner)) or (
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


def _has_key_text(key: Any) -> bool:
    """Tell whether a key that is no text is a number, a date or the like."""
    from batchmap.sinks.values.simpler_values import TEXTS

    kinds = (Enum, int, float, date, time, *TEXTS)
    return key is None or isinstance(key, kinds) or type(key).__module__ == "numpy"
