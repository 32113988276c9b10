"""Parsers of option values: from text, or a value of the right type, to a checked value.

A parser takes the raw value and the option's label, and raises `OptionError`, which says what is
wrong. `whole` and `choice` take limits or names and return a parser; all others are parsers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from batchmap.options.option_row import OptionError, Parser
from batchmap.text import near_names

__all__ = [
    "LARGEST_COUNT",
    "MAX_WORKERS",
    "batch_size",
    "choice",
    "delimiter",
    "duration_s",
    "failure_limit",
    "json_path",
    "list_size",
    "percentage",
    "share",
    "size_bytes",
    "timeout_s",
    "tolerance",
    "whole",
    "worker_counts",
]

LARGEST_COUNT = 10**15

MAX_WORKERS = 10_000


def whole(least: int | None, most: int | None, example: str) -> Parser:
    """Return the parser of a whole number from `least` to `most`; `example` says what to do."""

    def parse(raw: Any, label: str) -> int:
        try:
            number = int(raw) if isinstance(raw, str) else raw
        except ValueError:
            number = None
        if not isinstance(number, int) or isinstance(number, bool):
            raise OptionError(f"{label} must be a whole number, got {raw!r:.60}; {example}")
        if least is not None and number < least:
            raise OptionError(f"{label} must be at least {least}, got {_shown(number)}; {example}")
        if most is not None and number > most:
            raise OptionError(f"{label} must be at most {most}, got {_shown(number)}; {example}")
        return number

    return parse


def _shown(number: int) -> str:
    return str(number) if abs(number) < 10**60 else f"a number of {number.bit_length()} bits"


def batch_size(raw: Any, label: str) -> int | None:
    """Return how many items make a batch; `auto` is `None`."""
    if raw == "auto":
        return None
    return int(whole(1, LARGEST_COUNT, "leave it out to have it chosen")(raw, label))


def list_size(raw: Any, label: str) -> int | str:
    """Return how many items a function gets in a list, or `auto`."""
    if raw == "auto":
        return "auto"
    return int(whole(1, LARGEST_COUNT, "or auto, to have it found")(raw, label))


def choice(allowed: Sequence[str]) -> Parser:
    """Return the parser of one of some names."""

    def parse(raw: Any, label: str) -> str:
        if raw not in allowed:
            hint = near_names(str(raw), allowed)
            raise OptionError(f"{label} must be one of {', '.join(allowed)}, got {raw!r:.60}{hint}")
        return str(raw)

    return parse


def _number(raw: Any) -> float:
    try:
        return float(raw)
    except (TypeError, ValueError, OverflowError):
        return math.nan


_DURATION = re.compile(
    r"(?:([\d.]+)\s*h)?\s*(?:([\d.]+)\s*m(?!s))?\s*(?:([\d.eE+-]+)\s*s)?\s*(?:([\d.]+)\s*ms)?"
)


def _seconds(raw: Any) -> float:
    if isinstance(raw, timedelta):
        return raw.total_seconds()
    text = str(raw).strip()
    match = _DURATION.fullmatch(text)
    if not match or not text:
        return _number(text)
    parts = zip(match.groups("0"), (3600.0, 60.0, 1.0, 0.001), strict=True)
    return sum(_number(number) * unit for number, unit in parts)


def duration_s(raw: Any, label: str) -> float:
    """Return seconds from 0 to a day; text may have units: `500ms`, `1m30s`, `1h`."""
    seconds = _seconds(raw)
    if not 0 <= seconds <= 86_400:
        raise OptionError(
            f"{label} must be from 0 to 86400 seconds, got {raw!r:.60}; for example 0.5"
        )
    return seconds


def timeout_s(raw: Any, label: str) -> float:
    """Return seconds above 0 and up to a day; text may have units: `500ms`, `1m30s`, `1h`."""
    seconds = _seconds(raw)
    if not 0 < seconds <= 86_400:
        raise OptionError(
            f"{label} must be above 0 and at most 86400 seconds, got {raw!r:.60}; for example 1m30s"
        )
    return seconds


def share(raw: Any, label: str) -> float:
    """Return a number from 0 to 1."""
    number = _number(raw)
    if not 0 <= number <= 1:
        raise OptionError(f"{label} must be from 0 to 1, got {raw!s:.60}; 0.05 is 5 %")
    return number


def percentage(raw: Any, label: str) -> float:
    """Return a share above 0 and up to 10; text is a percentage: `10%` is 0.1."""
    number = _number(raw)
    if isinstance(raw, str):
        match = re.fullmatch(r"\s*(\d{1,4}(?:\.\d{1,9})?)\s*%\s*", raw)
        number = float(match[1]) / 100 if match else math.nan
    if not 0 < number <= 10:
        raise OptionError(
            f"{label} must be a percentage above 0% and up to 1000%, got {raw!s:.60}; "
            "for example 10%"
        )
    return number


def tolerance(raw: Any, label: str) -> float:
    """Return a finite number from 0."""
    number = _number(raw)
    if not 0 <= number < math.inf:
        raise OptionError(f"{label} must be a number from 0, got {raw!r:.60}; for example 1e-9")
    return number


def worker_counts(raw: Any, label: str) -> tuple[int, ...]:
    """Return worker counts, each once, the fewest first; text has commas between them."""
    words = raw.split(",") if isinstance(raw, str) else raw
    words = words if isinstance(words, Iterable) else [words]
    one = whole(1, MAX_WORKERS, "for example 1,2,4,8")
    return tuple(sorted({one(word, label) for word in words}))


def size_bytes(raw: Any, label: str) -> int:
    """Return bytes; text may have the unit K, M, G or T, powers of 1024."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", str(raw), re.IGNORECASE)
    size = float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " ") if match else 0.0
    if not 1 <= size <= 2**60:
        raise OptionError(
            f"{label} must be a size in bytes, got {raw!r:.60}; for example 500M or 2G"
        )
    return int(size)


def json_path(raw: Any, label: str) -> str:
    """Return keys with points between them, none of them empty."""
    if not isinstance(raw, str) or not raw or "" in raw.replace("\\.", "_").split("."):
        raise OptionError(f"{label} must be keys such as data.items, got {raw!r:.60}")
    return raw


def delimiter(raw: Any, label: str) -> str:
    """Return the character between two cells; text may be `tab`, or a backslash and a t."""
    text = "\t" if raw in ("tab", "\\t") else str(raw)
    # What may be in a number or a word that is written without quotes is none.
    if len(text) != 1 or text.isalnum() or not (text.isprintable() or text == "\t"):
        problem = f"{label} must be one character, and no letter or digit, got {raw!r:.60}"
    elif text in "\"'.+-_":
        problem = f"{label} {text} may be part of a cell"
    else:
        return text
    raise OptionError(f"{problem}; for example ';' or tab")


def failure_limit(raw: Any, label: str) -> int | float:
    """Return a number of failed items, or as a float their share of all; text `5%` is 0.05."""
    if isinstance(raw, float) and 0 < raw <= 1:
        return raw
    match = re.fullmatch(r"\s*(\d{1,15})\s*(%?)\s*", str(raw))
    number = int(match[1]) if match else 0
    if match is None or number < 1 or (match[2] and number > 100):
        raise OptionError(
            f"{label} must be a number of failures or a percentage up to 100%, got {raw!r:.60}; "
            "for example 10 or 5%"
        )
    return number / 100 if match[2] else number
