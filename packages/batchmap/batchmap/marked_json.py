r"""Any value as JSON, and back: what JSON has no form for is marked with its type.

    b"\xff"               {"$batchmap": "bytes", "value": "/w=="}
    float("nan")         {"$batchmap": "float", "value": "nan"}
    date(2024, 5, 6)     {"$batchmap": "date", "value": "2024-05-06"}

A value of JSON's own types is itself. So failed items, and results that could not be written, are
kept as what they were. No code is run to read them: there is a fixed list of types.
"""

from __future__ import annotations

import json
import math
import re
from importlib import import_module
from typing import Any

from batchmap.lone_surrogates import escaped, needs_escape
from batchmap.marked_types import (
    NANOSECOND_TYPES,
    READERS,
    WRITERS,
    Reader,
    base64_text,
    bytes_of,
    nanosecond_parts,
    with_nanoseconds,
    zone_name,
)

__all__ = ["MARK", "NotMarkableError", "marked_json", "unmarked"]

MARK = "$batchmap"
"""The key that names the type of a marked value, whose parts are in the other keys."""

_split_pair = re.compile("[\ud800-\udbff][\udc00-\udfff]").search
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode


class NotMarkableError(ValueError):
    """A value that has no such form, or JSON that is none of a value."""


def marked_json(value: Any) -> str:
    """Return `value` as JSON in one line; raises `NotMarkableError` for a type that is not known.

    What UTF-8 cannot hold is escaped.
    """
    try:
        text = _text(value)
    except NotMarkableError:
        raise
    except Exception as error:  # nested too deeply, or raised by the value's own class
        raise NotMarkableError(f"{type(value).__name__} has no form in JSON") from error
    return text if text.isascii() or not needs_escape(text) else escaped(text)


def unmarked(value: Any) -> Any:
    """Return the value that `marked_json` was given, from what its JSON says.

    Raises `NotMarkableError` for a mark that is not known.
    """
    return _unmarked(value) if _holds_mark(value) else value


def _holds_mark(value: Any) -> bool:
    left = [value]
    while left:
        one = left.pop()
        if type(one) is dict:
            if MARK in one:
                return True
            left += one.values()
        elif type(one) is list:
            left += one
    return False


def _unmarked(value: Any) -> Any:
    if type(value) is list:
        return [_unmarked(one) for one in value]
    if type(value) is not dict:
        return value
    if MARK not in value:
        return {key: _unmarked(one) for key, one in value.items()}
    kind = value[MARK]
    read = _READERS.get(kind) if type(kind) is str else None
    if read is None:
        raise NotMarkableError(f"it holds a {kind!s:.60}, which cannot be read back")
    try:
        return read(value)
    except NotMarkableError:
        raise
    except Exception as error:
        raise NotMarkableError(f"it holds a {kind} that cannot be read back: {error!s:.200}") from (
            error
        )


def _text(value: Any) -> str:
    if _is_json(value):
        try:
            return _encode(value)
        except (RecursionError, ValueError):
            pass  # it holds itself, or a number of more digits than Python reads back
    return _encode(_marked(value, set()))


def _is_json(value: Any) -> bool:
    """Tell whether a value is of JSON's types alone; does not recurse, for it may be nested."""
    left = [value]
    seen: set[int] = set()
    while left:
        one = left.pop()
        kind = type(one)
        if kind in _HOLDERS:
            if id(one) in seen:
                continue
            seen.add(id(one))
        if kind is dict:
            if MARK in one or set(map(type, one)) - {str}:
                return False
            if any(_split_pair(key) for key in one if not key.isascii()):
                return False
            left += one.values()
        elif kind is list:
            left += one
        elif kind is str:
            if not one.isascii() and _split_pair(one):
                return False
        elif kind is float:
            if not math.isfinite(one):
                return False
        elif kind is not int and kind is not bool and one is not None:
            return False
    return True


def _marked(value: Any, holders: set[int]) -> Any:
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if value.bit_length() < 2000 else _mark("int", hex(value))
    if kind is float:
        return value if math.isfinite(value) else _mark("float", repr(value))
    if kind is str:
        return (
            _mark("str", base64_text(value.encode("utf-8", "surrogatepass")))
            if _split_pair(value)
            else value
        )
    if (write := WRITERS.get(kind)) is not None:
        return {MARK: write[0], "value": write[1](value)}
    if id(value) in holders:
        raise NotMarkableError("it holds itself")
    inner = holders | {id(value)} if kind in _HOLDERS else holders
    if kind is list:
        return [_marked(one, inner) for one in value]
    if kind in _HOLDERS and kind is not dict:
        some = sorted(value, key=repr) if kind in (set, frozenset) else value
        return _mark(kind.__name__, [_marked(one, inner) for one in some])
    if kind is dict:
        if MARK not in value and all(type(key) is str and not _split_pair(key) for key in value):
            return {key: _marked(one, inner) for key, one in value.items()}
        pairs = [[_marked(key, inner), _marked(one, inner)] for key, one in value.items()]
        return _mark("dict", pairs)
    return _marked_of_library(value, kind, inner)


def _marked_of_library(value: Any, kind: type, holders: set[int]) -> Any:
    library = kind.__module__.partition(".")[0]
    if library == "numpy" and (kind.__name__ == "ndarray" or hasattr(value, "dtype")):
        if value.dtype.hasobject or value.dtype.fields:
            raise NotMarkableError(f"a {kind.__name__} of {value.dtype} has no form in JSON")
        shape = list(value.shape) if kind.__name__ == "ndarray" else None
        return {
            MARK: "numpy",
            "dtype": value.dtype.str,
            "shape": shape,
            "value": base64_text(value.tobytes()),
        }
    if library == "pandas" and kind.__name__ in ("Timestamp", "Timedelta"):
        zone = zone_name(value.tzinfo) if kind.__name__ == "Timestamp" else None
        unit = getattr(value, "unit", "ns")
        number = value.as_unit("ns").value if unit == "ns" else int(value.asm8.astype("i8"))
        return {MARK: f"pandas.{kind.__name__}", "value": number, "unit": unit, "zone": zone}
    if library == "pandas" and kind.__name__ in ("NaTType", "NAType"):
        return _mark("pandas", {"NaTType": "NaT", "NAType": "NA"}[kind.__name__])
    if kind.__name__ == "MonthDayNano":  # of pyarrow, which says that it is of builtins
        return _mark("pyarrow.MonthDayNano", list(value))
    if kind.__module__ == "psycopg.types.range" and kind.__name__ == "Range":
        parts = [_marked(value.lower, holders), _marked(value.upper, holders), value.bounds]
        return _mark("psycopg.Range", parts)
    if kind.__module__ == "psycopg.types.multirange" and kind.__name__ == "Multirange":
        return _mark("psycopg.Multirange", [_marked(one, holders) for one in value])
    if kind.__module__.startswith("batchmap.arrow.") and kind.__name__ in NANOSECOND_TYPES:
        plain, more = nanosecond_parts(value)
        return {MARK: "nanoseconds", "value": _marked(plain, holders), "beyond": more}
    raise NotMarkableError(f"{kind.__name__} has no form in JSON")


def _mark(name: str, value: Any) -> dict[str, Any]:
    return {MARK: name, "value": value}


_HOLDERS = frozenset({list, tuple, set, frozenset, dict})


def _range_of(parts: dict[str, Any]) -> Any:
    lower, upper, bounds = parts["value"]
    make = import_module("psycopg.types.range").Range
    if not bounds:
        return make(empty=True)
    return make(_unmarked(lower), _unmarked(upper), bounds)


def _all(parts: dict[str, Any]) -> list[Any]:
    return [_unmarked(one) for one in parts["value"]]


_READERS: dict[str, Reader] = {
    **READERS,
    "str": lambda parts: bytes_of(parts).decode("utf-8", "surrogatepass"),
    "tuple": lambda parts: tuple(_all(parts)),
    "set": lambda parts: set(_all(parts)),
    "frozenset": lambda parts: frozenset(_all(parts)),
    "dict": lambda parts: {_unmarked(key): _unmarked(one) for key, one in parts["value"]},
    "psycopg.Range": _range_of,
    "psycopg.Multirange": lambda parts: import_module("psycopg.types.multirange").Multirange(
        _all(parts)
    ),
    "nanoseconds": lambda parts: with_nanoseconds(_unmarked(parts["value"]), parts["beyond"]),
}
