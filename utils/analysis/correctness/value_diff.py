"""Puts two values that differ into short texts that show where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["show_difference", "shown"]

MOST_CHARACTERS = 200
LONGEST_PATH = 60
BEFORE = 20
"""How many characters before the first difference are shown."""

MOST_LEVELS = 50

NOTHING = "nothing"
_ABSENT: Any = object()
"""Stands for the part that only one of the two has."""


def show_difference(
    one: Any, other: Any, *, same: Callable[[Any, Any], bool], most: int = MOST_CHARACTERS
) -> tuple[str, str]:
    """Return both values as texts of at most `most` characters that show where they differ.

    Long ones are cut to the first part that differs by `same`, told with its place.
    """
    path = ""
    for _ in range(MOST_LEVELS):
        texts = _shown_part(one), _shown_part(other)
        lead = f"at {_end_of(path)}: " if path else ""
        if texts[0] != texts[1] and len(lead) + max(map(len, texts)) <= most:
            return lead + texts[0], lead + texts[1]
        step = next(_steps(one, other, same), None)
        if step is None:
            break
        name, one, other = step
        path += name
    return _contrast_leaves(one, other, lead=f"at {_end_of(path)}, " if path else "", most=most)


def shown(value: Any, *, most: int = MOST_CHARACTERS) -> str:
    """Return `value` as text of at most `most` characters; never raises."""
    return _cut(_text(value), most)


def _steps(
    one: Any, other: Any, same: Callable[[Any, Any], bool]
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the parts that differ, each with how it is reached."""
    if type(one).__qualname__ != type(other).__qualname__:
        return
    mine, its = _parts(one), _parts(other)
    if mine is None or its is None:
        return
    for key in [*mine, *(key for key in its if key not in mine)]:
        part, counterpart = mine.get(key, _ABSENT), its.get(key, _ABSENT)
        if part is _ABSENT or counterpart is _ABSENT or not same(part, counterpart):
            indexed = isinstance(one, list | tuple | dict) or hasattr(one, "tolist")
            name = f"[{shown(key, most=30)}]" if indexed else f".{key!s:.30}"
            yield name, part, counterpart


def _parts(value: Any) -> dict[Any, Any] | None:
    """Return the parts of a value by place, key or name; `None` when it has none."""
    try:
        if not isinstance(value, list | tuple | dict) and hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, dict):
            return value
        if isinstance(value, list | tuple):
            return dict(enumerate(value))
        return dict(vars(value)) if hasattr(value, "__dict__") else None
    except Exception:  # these methods are anybody's code
        return None


def _contrast_leaves(one: Any, other: Any, *, lead: str, most: int) -> tuple[str, str]:
    if isinstance(one, str | bytes) and type(one) is type(other):
        start = _first_difference(one, other)
        return (
            lead + _region(one, start, most - len(lead)),
            lead + _region(other, start, most - len(lead)),
        )
    lead = lead.removesuffix(", ") + ": " if lead else ""
    texts = _shown_part(one), _shown_part(other)
    room = most - len(lead)
    if texts[0] == texts[1]:
        names = type(one).__qualname__, type(other).__qualname__
        if names[0] != names[1]:
            texts = f"{names[0]} {texts[0]}", f"{names[1]} {texts[1]}"
    elif (start := _first_difference(*texts)) > room - BEFORE:
        texts = (
            f"…{texts[0][start - BEFORE :]}",
            f"…{texts[1][start - BEFORE :]}",
        )
        lead += f"from character {start - BEFORE} of its text: "
    return _cut(lead + texts[0], most), _cut(lead + texts[1], most)


def _region(value: str | bytes, difference: int, most: int) -> str:
    """Return `value` from shortly before `difference` on, with what that is the place of."""
    before = BEFORE
    if len(repr(value[max(0, difference - before) : difference])) > 2 * BEFORE:
        before = BEFORE // 5  # of what repr writes out in many characters, as control characters
    start = max(0, difference - before)
    lead = f"from character {start}: " if start else ""
    return _cut(lead + repr(value[start : start + most]), most)


def _first_difference(one: str | bytes, other: str | bytes) -> int:
    for place, (mine, its) in enumerate(zip(one, other, strict=False)):
        if mine != its:
            return place
    return min(len(one), len(other))


def _shown_part(value: Any) -> str:
    return NOTHING if value is _ABSENT else _text(value)


def _text(value: Any) -> str:
    try:
        if type(value) is int and value.bit_length() > 8 * MOST_CHARACTERS:
            return hex(value)  # Python writes out no number of thousands of decimal digits
        return repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException:  # it is anybody's code
        return f"<{type(value).__qualname__} whose text cannot be had>"


def _end_of(path: str) -> str:
    return path if len(path) <= LONGEST_PATH else f"…{path[1 - LONGEST_PATH :]}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
