"""Checks of single option values, given as text or as values, with faults in the user's words."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from utils.machine import usable_cores

__all__ = [
    "Fault",
    "checked_choice",
    "checked_duration_s",
    "checked_rate",
    "checked_share",
    "checked_size_bytes",
    "checked_sweep",
    "checked_timeout_s",
    "checked_tolerance",
    "checked_whole",
    "checked_workers",
    "near_names",
    "why_unreadable",
    "why_unwritable",
]

LARGEST_WORKERS = 10_000


class Fault(Exception):
    """One option's fault, in words for the user."""


def near_names(name: str, allowed: Sequence[str]) -> str:
    """Return `; did you mean …?` when `name` is nearly one of the allowed ones, else nothing."""
    near = difflib.get_close_matches(name, allowed, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def checked_whole(raw: Any, label: str, least: int | None, most: int | None, mend: str) -> int:
    try:
        number = int(raw) if isinstance(raw, str) else raw
    except ValueError:
        number = None
    if not isinstance(number, int) or isinstance(number, bool):
        raise Fault(f"{label} must be a whole number, got {raw!r:.60}; {mend}")
    if least is not None and number < least:
        raise Fault(f"{label} must be at least {least}, got {_shown(number)}; {mend}")
    if most is not None and number > most:
        raise Fault(f"{label} must be at most {most}, got {_shown(number)}; {mend}")
    return number


def _shown(number: int) -> str:
    return str(number) if abs(number) < 10**60 else f"a number of {number.bit_length()} bits"


def checked_workers(raw: Any, label: str) -> int | None:
    mend = "leave it out to use every core"
    raw = raw.strip() if isinstance(raw, str) else raw
    if raw == "auto":
        return None
    if isinstance(raw, str) and (percent := re.fullmatch(r"(\d{1,6})%", raw)):
        share = checked_whole(percent[1], label, 1, 100_000, mend) / 100
        return max(1, round(usable_cores() * share))
    if isinstance(raw, str) and not re.fullmatch(r"[+-]?\d+", raw):
        raise Fault(
            f"{label} must be a whole number, a percentage of the cores or auto, "
            f"got {raw!r:.60}; {mend}"
        )
    return checked_whole(raw, label, 1, LARGEST_WORKERS, mend)


def checked_choice(raw: Any, label: str, allowed: Sequence[str]) -> str:
    if raw not in allowed:
        hint = near_names(str(raw), allowed)
        raise Fault(f"{label} must be one of {', '.join(allowed)}, got {raw!r:.60}{hint}")
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


def checked_duration_s(raw: Any, label: str) -> float:
    seconds = _seconds(raw)
    if not 0 <= seconds <= 86_400:
        raise Fault(f"{label} must be from 0 to 86400 seconds, got {raw!r:.60}; for example 0.5")
    return seconds


def checked_timeout_s(raw: Any, label: str) -> float:
    seconds = _seconds(raw)
    if not 0 < seconds <= 86_400:
        raise Fault(
            f"{label} must be above 0 and at most 86400 seconds, got {raw!r:.60}; for example 10s"
        )
    return seconds


def checked_rate(raw: Any, label: str) -> float:
    rate = _number(raw)
    if not 0 < rate <= 1e9:
        raise Fault(f"{label} must be above 0 items a second, got {raw!r:.60}; for example 10")
    return rate


def checked_share(raw: Any, label: str) -> float:
    share = _number(raw)
    if not 0 <= share <= 1:
        raise Fault(f"{label} must be from 0 to 1, got {raw!s:.60}; 0.05 is 5 %")
    return share


def checked_tolerance(raw: Any) -> float:
    tolerance = _number(raw)
    if not 0 <= tolerance < math.inf:
        raise Fault(f"--tolerance must be a number from 0, got {raw!r:.60}; for example 1e-9")
    return tolerance


def checked_sweep(raw: Any) -> tuple[int, ...]:
    words = raw.split(",") if isinstance(raw, str) else raw
    mend = "for example 1,2,4,8"
    counts = {checked_whole(word, "--sweep", 1, LARGEST_WORKERS, mend) for word in words}
    return tuple(sorted(counts))


def checked_size_bytes(raw: Any, label: str) -> int:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", str(raw), re.IGNORECASE)
    size = float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " ") if match else 0.0
    if not 1 <= size <= 2**60:
        raise Fault(f"{label} must be a size in bytes, got {raw!r:.60}; for example 500M or 2G")
    return int(size)


def why_unreadable(path: Path) -> str | None:
    try:
        if path.is_dir():
            return "that is a directory; name a file in it"
        if path.exists() and not path.is_file():
            return "not a regular file, and it may be read more than once; save it to a file first"
        with path.open("rb"):
            return None
    except FileNotFoundError:
        return "there is no such file; check the path"
    except (OSError, ValueError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or error}); check the path"


def why_unwritable(path: Path) -> str | None:
    """Return why a file could not even be looked for under this name, `None` when it could."""
    try:
        path.absolute()
        path.stat()
    except FileNotFoundError as error:
        return None if error.filename is not None else "there is no current directory; go to one"
    except (OSError, ValueError) as error:
        return f"{getattr(error, 'strerror', None) or error}; name another file"
    return None
