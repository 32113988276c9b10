"""Writes two values that differ as short texts that show where they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["MAX_CHARACTERS", "show_difference", "shown"]

MAX_CHARACTERS = 200
"""Length of a text, unless told otherwise."""

MAX_PATH_CHARACTERS = 60
"""A longer path to a part is cut at its beginning."""

CONTEXT_CHARACTERS = 20
"""How many characters before the first difference are shown."""

MAX_DEPTH = 50
"""How many levels down a part that differs is looked for."""

NOTHING = "nothing"
_ABSENT: Any = object()
"""In the place of a part that only the other value has."""


def show_difference(
    one: Any,
    other: Any,
    *,
    same: Callable[[Any, Any], bool],
    max_characters: int = MAX_CHARACTERS,
) -> tuple[str, str]:
    """Return both values as texts that show where they differ.

    Where a value is too long for `max_characters`, its text is that of the first part that is not
    the `same`, led by the path to it.
    """
    path = ""
    for _ in range(MAX_DEPTH):
        texts = _part_text(one), _part_text(other)
        lead = f"at {_end_of(path)}: " if path else ""
        if texts[0] != texts[1] and len(lead) + max(map(len, texts)) <= max_characters:
            return lead + texts[0], lead + texts[1]
        difference = next(_differing_parts(one, other, same), None)
        if difference is None:
            break
        step, one, other = difference
        path += step
    lead = f"at {_end_of(path)}, " if path else ""
    return _show_leaves(one, other, lead=lead, max_characters=max_characters)


def shown(value: Any, *, max_characters: int = MAX_CHARACTERS) -> str:
    """Return `value` as text of at most `max_characters`; never raises an `Exception`."""
    return _cut(_text(value), max_characters)


def _differing_parts(
    one: Any, other: Any, same: Callable[[Any, Any], bool]
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the parts that differ, each with the step that leads to it: `[3]` or `.name`."""
    if type(one).__qualname__ != type(other).__qualname__:
        return
    parts, other_parts = _parts(one), _parts(other)
    if parts is None or other_parts is None:
        return
    for key in [*parts, *(key for key in other_parts if key not in parts)]:
        part, other_part = parts.get(key, _ABSENT), other_parts.get(key, _ABSENT)
        if part is _ABSENT or other_part is _ABSENT or not same(part, other_part):
            indexed = isinstance(one, list | tuple | dict) or hasattr(one, "tolist")
            step = f"[{shown(key, max_characters=30)}]" if indexed else f".{key!s:.30}"
            yield step, part, other_part


def _parts(value: Any) -> dict[Any, Any] | None:
    """Return the parts of a value by position, key or attribute; `None` when it has none."""
    try:
        if not isinstance(value, list | tuple | dict) and hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, dict):
            return value
        if isinstance(value, list | tuple):
            return dict(enumerate(value))
        return dict(vars(value)) if hasattr(value, "__dict__") else None
    except Exception:  # a value's own methods may raise anything
        return None


def _show_leaves(one: Any, other: Any, *, lead: str, max_characters: int) -> tuple[str, str]:
    """Return the texts of two values without parts that differ, cut around the difference."""
    if isinstance(one, str | bytes) and type(one) is type(other):
        start = _first_difference(one, other)
        room = max_characters - len(lead)
        return lead + _region(one, start, room), lead + _region(other, start, room)
    lead = lead.removesuffix(", ") + ": " if lead else ""
    texts = _part_text(one), _part_text(other)
    room = max_characters - len(lead)
    if texts[0] == texts[1]:
        names = type(one).__qualname__, type(other).__qualname__
        if names[0] != names[1]:
            texts = f"{names[0]} {texts[0]}", f"{names[1]} {texts[1]}"
    elif (start := _first_difference(*texts)) > room - CONTEXT_CHARACTERS:
        texts = (
            f"…{texts[0][start - CONTEXT_CHARACTERS :]}",
            f"…{texts[1][start - CONTEXT_CHARACTERS :]}",
        )
        lead += f"from character {start - CONTEXT_CHARACTERS} of its text: "
    return _cut(lead + texts[0], max_characters), _cut(lead + texts[1], max_characters)


def _region(value: str | bytes, difference: int, max_characters: int) -> str:
    """Return `value` from shortly before position `difference` on, and from which position."""
    before = CONTEXT_CHARACTERS
    if len(repr(value[max(0, difference - before) : difference])) > 2 * CONTEXT_CHARACTERS:
        before = CONTEXT_CHARACTERS // 5  # control characters, each four or more in a repr
    start = max(0, difference - before)
    lead = f"from character {start}: " if start else ""
    return _cut(lead + repr(value[start : start + max_characters]), max_characters)


def _first_difference(one: str | bytes, other: str | bytes) -> int:
    for position, (character, other_character) in enumerate(zip(one, other, strict=False)):
        if character != other_character:
            return position
    return min(len(one), len(other))


def _part_text(value: Any) -> str:
    return NOTHING if value is _ABSENT else _text(value)


def _text(value: Any) -> str:
    try:
        if type(value) is int and value.bit_length() > 8 * MAX_CHARACTERS:
            return hex(value)  # Python refuses to write thousands of decimal digits
        return repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException:  # a value's own `__repr__` may raise anything
        return f"<{type(value).__qualname__} whose text cannot be had>"


def _end_of(path: str) -> str:
    return path if len(path) <= MAX_PATH_CHARACTERS else f"…{path[1 - MAX_PATH_CHARACTERS :]}"


def _cut(text: str, max_characters: int) -> str:
    return text if len(text) <= max_characters else text[: max_characters - 1] + "…"
