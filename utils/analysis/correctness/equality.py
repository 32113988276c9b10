"""Tells whether two values are the same by value, whatever they are and whatever `==` does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

__all__ = ["plainly_equal", "same_value", "unfolded", "without_addresses"]

DEEPEST = 100_000
"""Values that go deeper, as those that make up new parts for ever, are given up."""

_LISTED = "tolist"
"""The method by which arrays of all kinds tell what they hold."""

_ADDRESS = re.compile(r"(?<= at )0x[0-9a-fA-F]{6,16}\b|\b0x[57][0-9a-f]{11}\b")
"""Where an object lies, as its `repr` tells; in other hexadecimal numbers, a difference counts."""

_LEAVES = (str, bytes, bytearray, type(None))
_SETS = (set, frozenset)
_CONTAINERS = (list, tuple, dict, *_SETS)

Pairs = Iterable[tuple[Any, Any]]


def same_value(one: Any, other: Any, *, tolerance: float = 0.0) -> bool | None:
    """Tell whether two values are equal by value; `None` when looking at them fails.

    NaN equals NaN. A float and another number are equal when they differ by at most `tolerance`,
    or by `tolerance` times the larger magnitude. So it is at any depth: in lists, dicts, sets, in
    arrays (by `tolist`), in objects (by what pickle would take of them, or by their attributes).
    """
    if plainly_equal(one, other):
        return True
    try:
        return _same_throughout(one, other, tolerance)
    except KeyboardInterrupt:
        raise
    except BaseException:  # what makes up a value is told by anybody's code
        return None


def plainly_equal(one: Any, other: Any) -> bool:
    """Tell whether `==` says so, with the very `True`: arrays answer with arrays.

    In a list or dict, Python asks its parts for no more than something true; so do we, as looking
    at each would cost too much.
    """
    try:
        return (one == other) is True
    except KeyboardInterrupt:
        raise
    except BaseException:  # `__eq__` is anybody's code
        return False


def without_addresses(text: str) -> str:
    """Return `text` with the addresses of objects blotted out: each process has its own."""
    return _ADDRESS.sub("0x…", text) if "0x" in text else text


def unfolded(value: Any) -> Any:
    """Return what makes up a value of none of the plain types, in simpler values.

    Raises whatever the value's own methods raise.
    """
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__
    if hasattr(value, _LISTED):
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
    """RunRequest through both values side by side; no recursion, so they may be deep or cyclic."""
    met: dict[tuple[int, int], tuple[Any, Any]] = {}  # holds both, so that no id is used again
    in_flight: list[Iterator[tuple[Any, Any]]] = [iter([(one, other)])]
    while in_flight:
        for mine, its in in_flight[-1]:
            if mine is its:
                continue
            pairs = _pairs(mine, its, tolerance)
            if pairs is None:
                return False
            if pairs and (id(mine), id(its)) not in met:
                met[id(mine), id(its)] = mine, its
                in_flight.append(iter(pairs))
                break
        else:
            in_flight.pop()
        if len(in_flight) > DEEPEST:
            raise RecursionError
    return True


def _pairs(one: Any, other: Any, tolerance: float) -> Pairs | None:
    """Return the parts that must be the same for these two to be; `None` when they differ."""
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
    if hasattr(one, _LISTED) or hasattr(other, _LISTED):
        return _pairs_of_arrays(one, other)
    if type(one).__qualname__ != type(other).__qualname__:
        return None
    return [(unfolded(one), unfolded(other))]


def _pairs_of_dicts(one: dict[Any, Any], other: dict[Any, Any], tolerance: float) -> Pairs | None:
    pairs = [(value, other[key]) for key, value in one.items() if key in other]
    if len(pairs) == len(one):
        return pairs
    mine = [entry for entry in one.items() if entry[0] not in other]  # as with a NaN for a key
    its = [entry for entry in other.items() if entry[0] not in one]
    return pairs if _same_in_any_order(mine, its, tolerance) else None


def _pairs_of_arrays(one: Any, other: Any) -> Pairs | None:
    """Return what two arrays hold; a number is an array without dimensions."""
    shapes, contents = zip(
        *(unfolded(value) if hasattr(value, _LISTED) else ((), value) for value in (one, other)),
        strict=True,
    )
    if shapes[0] != shapes[1]:
        return None
    return () if plainly_equal(*contents) else [contents]


def _same_in_any_order(one: Iterable[Any], other: Iterable[Any], tolerance: float) -> bool:
    """Tell whether each value has a partner of its own on the other side."""
    numbers, rest = _apart(one)
    other_numbers, other_rest = _apart(other)
    if len(numbers) != len(other_numbers) or len(rest) != len(other_rest):
        return False
    if not all(map(_close, numbers, other_numbers, [tolerance] * len(numbers))):
        return False
    for value in rest:
        partner = next(
            (
                place
                for place, its in enumerate(other_rest)
                if same_value(value, its, tolerance=tolerance)
            ),
            None,
        )
        if partner is None:
            return False
        del other_rest[partner]
    return True


def _apart(values: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """Return the real numbers, sorted, so that partners face each other, and all the rest."""
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
    if one != one or other != other:  # NaN; a complex number is, with one part that is
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
