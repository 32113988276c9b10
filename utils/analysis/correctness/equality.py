"""Compares two values by value, whatever their types are and whatever their `==` does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

__all__ = ["decompose", "plainly_equal", "same_value", "without_addresses"]

MAX_DEPTH = 100_000
"""Values that are nested deeper, such as those that make new parts without end, are given up."""

_TO_LIST = "tolist"
"""The method of arrays, of all libraries, that returns their contents."""

_ADDRESS = re.compile(r"(?<= at )0x[0-9a-fA-F]{6,16}\b|\b0x[57][0-9a-f]{11}\b")
"""The address of an object in its `repr`; a difference in other hexadecimal numbers counts."""

_LEAVES = (str, bytes, bytearray, type(None))
_SETS = (set, frozenset)
_CONTAINERS = (list, tuple, dict, *_SETS)

Pairs = Iterable[tuple[Any, Any]]


def same_value(one: Any, other: Any, *, tolerance: float = 0.0) -> bool | None:
    """Return whether two values are equal by value; `None` when their own methods raise.

    NaN equals NaN. A float and another number are equal when they differ by at most `tolerance`,
    or by `tolerance` times the larger magnitude. This holds at any depth: in lists, dicts, sets,
    arrays (by `tolist`) and objects (by what pickle would take of them, or by their attributes).
    """
    if plainly_equal(one, other):
        return True
    try:
        return _same_throughout(one, other, tolerance)
    except KeyboardInterrupt:
        raise
    except BaseException:  # a value's own methods may raise anything
        return None


def plainly_equal(one: Any, other: Any) -> bool:
    """Return whether `==` gives `True` itself; that of arrays gives an array, which is no answer.

    For the parts of a list or dict, Python's own `==` takes anything true, and so does this:
    comparing each part would cost too much.
    """
    try:
        return (one == other) is True
    except KeyboardInterrupt:
        raise
    except BaseException:  # a value's own `__eq__` may raise anything
        return False


def without_addresses(text: str) -> str:
    """Return `text` with the addresses of objects masked, as those differ between processes."""
    return _ADDRESS.sub("0x…", text) if "0x" in text else text


def decompose(value: Any) -> Any:
    """Return what a value of other than the plain types is made up of, as simpler values.

    Raises whatever the value's own methods raise.
    """
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__
    if hasattr(value, _TO_LIST):
        return tuple(getattr(value, "shape", ())), value.tolist()
    try:
        reduced = value.__reduce_ex__(4)
    except Exception:  # not everything can be pickled
        if hasattr(value, "__dict__"):
            return vars(value)
        return without_addresses(repr(value))
    if isinstance(reduced, str):
        return reduced
    return tuple(list(part) if isinstance(part, Iterator) else part for part in reduced)


def _same_throughout(one: Any, other: Any, tolerance: float) -> bool:
    """Compare both values part by part, without recursion, so that they may be deep or cyclic."""
    seen: dict[tuple[int, int], tuple[Any, Any]] = {}  # holds both, so that no id is used again
    stack: list[Iterator[tuple[Any, Any]]] = [iter([(one, other)])]
    while stack:
        for part, other_part in stack[-1]:
            if part is other_part:
                continue
            pairs = _pairs(part, other_part, tolerance)
            if pairs is None:
                return False
            if pairs and (id(part), id(other_part)) not in seen:
                seen[id(part), id(other_part)] = part, other_part
                stack.append(iter(pairs))
                break
        else:
            stack.pop()
        if len(stack) > MAX_DEPTH:
            raise RecursionError
    return True


def _pairs(one: Any, other: Any, tolerance: float) -> Pairs | None:
    """Return the pairs of parts that must be equal for the two to be; `None` when they differ."""
    if isinstance(one, int | float | complex) and isinstance(other, int | float | complex):
        return () if _close(one, other, tolerance) else None
    if isinstance(one, _LEAVES) or isinstance(other, _LEAVES):
        return () if plainly_equal(one, other) else None
    if isinstance(one, dict) and isinstance(other, dict):
        return _pairs_of_dicts(one, other, tolerance) if len(one) == len(other) else None
    if isinstance(one, _SETS) and isinstance(other, _SETS):
        return () if _same_in_any_order(one - other, other - one, tolerance) else None
    for kind in (list, tuple):
        if isinstance(one, kind) and isinstance(other, kind):
            return zip(one, other, strict=True) if len(one) == len(other) else None
    if isinstance(one, _CONTAINERS) and isinstance(other, _CONTAINERS):
        return None
    if plainly_equal(one, other):
        return ()
    if hasattr(one, _TO_LIST) or hasattr(other, _TO_LIST):
        return _pairs_of_arrays(one, other)
    if type(one).__qualname__ != type(other).__qualname__:
        return None
    return [(decompose(one), decompose(other))]


def _pairs_of_dicts(one: dict[Any, Any], other: dict[Any, Any], tolerance: float) -> Pairs | None:
    pairs = [(value, other[key]) for key, value in one.items() if key in other]
    if len(pairs) == len(one):
        return pairs
    rest = [pair for pair in one.items() if pair[0] not in other]  # as with a NaN for a key
    other_rest = [pair for pair in other.items() if pair[0] not in one]
    return pairs if _same_in_any_order(rest, other_rest, tolerance) else None


def _pairs_of_arrays(one: Any, other: Any) -> Pairs | None:
    """Return the contents of two arrays of the same shape; a number is one without dimensions."""
    shapes, contents = zip(
        *(decompose(value) if hasattr(value, _TO_LIST) else ((), value) for value in (one, other)),
        strict=True,
    )
    if shapes[0] != shapes[1]:
        return None
    return () if plainly_equal(*contents) else [contents]


def _same_in_any_order(one: Iterable[Any], other: Iterable[Any], tolerance: float) -> bool:
    """Return whether each value is equal to a value of its own on the other side."""
    numbers, rest = _split_numbers(one)
    other_numbers, other_rest = _split_numbers(other)
    if len(numbers) != len(other_numbers) or len(rest) != len(other_rest):
        return False
    if not all(map(_close, numbers, other_numbers, [tolerance] * len(numbers))):
        return False
    for value in rest:
        match = next(
            (
                position
                for position, candidate in enumerate(other_rest)
                if same_value(value, candidate, tolerance=tolerance)
            ),
            None,
        )
        if match is None:
            return False
        del other_rest[match]
    return True


def _split_numbers(values: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """Return the real numbers, sorted, so that equal ones pair up, and the rest."""
    numbers: list[Any] = []
    rest: list[Any] = []
    for value in values:
        is_real = isinstance(value, int | float) and value == value
        (numbers if is_real else rest).append(value)
    return sorted(numbers), rest


def _close(one: Any, other: Any, tolerance: float) -> bool:
    if one == other:
        return True
    if isinstance(one, int) and isinstance(other, int):
        return False
    if one != one or other != other:  # NaN, or a complex number with a part that is
        if isinstance(one, complex) or isinstance(other, complex):
            return _close(one.real, other.real, tolerance) and _close(
                one.imag, other.imag, tolerance
            )
        return bool(one != one and other != other)
    try:
        sizes = abs(one), abs(other)
        if not (isfinite(sizes[0]) and isfinite(sizes[1])):
            return False
        return bool(abs(one - other) <= tolerance * max(1.0, *sizes))
    except OverflowError:  # an integer beyond all floats
        return False
