"""Checks of single option values, given as text or as values, with faults in the user's words."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from batchmap.resources import usable_cores
from batchmap.text import near_names

__all__ = [
    "OptionError",
    "parse_choice",
    "parse_duration_s",
    "parse_rate",
    "parse_share",
    "parse_size_bytes",
    "parse_sweep",
    "parse_timeout_s",
    "parse_tolerance",
    "parse_whole",
    "parse_workers",
]

LARGEST_WORKERS = 10_000


class OptionError(Exception):
    """One option's fault, in words for the user."""


def parse_whole(raw: Any, label: str, least: int | None, most: int | None, mend: str) -> int:
    try:
        number = int(raw) if isinstance(raw, str) else raw
    except ValueError:
        number = None
    if not isinstance(number, int) or isinstance(number, bool):
        raise OptionError(f"{label} must be a whole number, got {raw!r:.60}; {mend}")
    if least is not None and number < least:
        raise OptionError(f"{label} must be at least {least}, got {_shown(number)}; {mend}")
    if most is not None and number > most:
        raise OptionError(f"{label} must be at most {most}, got {_shown(number)}; {mend}")
    return number


def _shown(number: int) -> str:
    return str(number) if abs(number) < 10**60 else f"a number of {number.bit_length()} bits"


def parse_workers(raw: Any, label: str) -> int | None:
    mend = "leave it out to use every core"
    raw = raw.strip() if isinstance(raw, str) else raw
    if raw == "auto":
        return None
    if isinstance(raw, str) and (percent := re.fullmatch(r"(\d{1,6})%", raw)):
        share = parse_whole(percent[1], label, 1, 100_000, mend) / 100
        return max(1, round(usable_cores() * share))
    if isinstance(raw, str) and not re.fullmatch(r"[+-]?\d+", raw):
        raise OptionError(
            f"{label} must be a whole number, a percentage of the cores or auto, "
            f"got {raw!r:.60}; {mend}"
        )
    return parse_whole(raw, label, 1, LARGEST_WORKERS, mend)


def parse_choice(raw: Any, label: str, allowed: Sequence[str]) -> str:
    if raw not in allowed:
        hint = near_names(str(raw), allowed)
        raise OptionError(f"{label} must be one of {', '.join(allowed)}, got {raw!r:.60}{hint}")
    return str(raw)


def _number(raw: Any) -> float:
    try:
        return float(raw)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _seconds(raw: Any) -> float:
    match = re.fullmatch(r"([\d.eE+-]+)\s*(ms|s|m)?", str(raw).strip())
    seconds = _number(match[1]) if match else math.nan
    if match and match[2]:
        seconds *= {"ms": 0.001, "s": 1.0, "m": 60.0}[match[2]]
    return seconds


def parse_duration_s(raw: Any, label: str) -> float:
    seconds = _seconds(raw)
    if not 0 <= seconds <= 86_400:
        raise OptionError(
            f"{label} must be from 0 to 86400 seconds, got {raw!r:.60}; for example 0.5"
        )
    return seconds


def parse_timeout_s(raw: Any, label: str) -> float:
    seconds = _seconds(raw)
    if not 0 < seconds <= 86_400:
        raise OptionError(
            f"{label} must be above 0 and at most 86400 seconds, got {raw!r:.60}; for example 10s"
        )
    return seconds


def parse_rate(raw: Any, label: str) -> float:
    rate = _number(raw)
    if not 0 < rate <= 1e9:
        raise OptionError(
            f"{label} must be above 0 items a second, got {raw!r:.60}; for example 10"
        )
    return rate


def parse_share(raw: Any, label: str) -> float:
    share = _number(raw)
    if not 0 <= share <= 1:
        raise OptionError(f"{label} must be from 0 to 1, got {raw!s:.60}; 0.05 is 5 %")
    return share


def parse_tolerance(raw: Any) -> float:
    tolerance = _number(raw)
    if not 0 <= tolerance < math.inf:
        raise OptionError(f"--tolerance must be a number from 0, got {raw!r:.60}; for example 1e-9")
    return tolerance


def parse_sweep(raw: Any) -> tuple[int, ...]:
    words = raw.split(",") if isinstance(raw, str) else raw
    mend = "for example 1,2,4,8"
    counts = {parse_whole(word, "--sweep", 1, LARGEST_WORKERS, mend) for word in words}
    return tuple(sorted(counts))


def parse_size_bytes(raw: Any, label: str) -> int:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", str(raw), re.IGNORECASE)
    size = float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " ") if match else 0.0
    if not 1 <= size <= 2**60:
        raise OptionError(
            f"{label} must be a size in bytes, got {raw!r:.60}; for example 500M or 2G"
        )
    return int(size)
