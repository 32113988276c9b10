"""The number of workers as it is given: a number, a share of the cores, or bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from batchmap.concurrency import WorkerBounds
from batchmap.options.option_row import OptionError
from batchmap.options.reader import OptionReader
from batchmap.options.values import MAX_WORKERS, whole
from batchmap.resources import usable_cores

__all__ = ["check_bounds", "workers"]

_EXAMPLE = "leave it out to have it chosen"
_BOUNDS_EXAMPLE = "for example 4..200"


def workers(raw: Any, label: str) -> int | WorkerBounds | None:
    """Return a number of workers, or bounds; a percentage is of the usable cores, `auto` `None`."""
    if isinstance(raw, WorkerBounds):
        raw = str(raw)
    raw = raw.strip() if isinstance(raw, str) else raw
    if raw == "auto":
        return None
    if isinstance(raw, str) and ".." in raw:
        return _bounds(raw, label)
    if isinstance(raw, str) and (percent := re.fullmatch(r"(\d{1,6})%", raw)):
        part: float = whole(1, 100_000, _EXAMPLE)(percent[1], label) / 100
        return max(1, round(usable_cores() * part))
    if isinstance(raw, str) and not re.fullmatch(r"[+-]?\d+", raw):
        raise OptionError(
            f"{label} must be a whole number, a percentage of the cores, bounds such as 4..200 or "
            f"auto, got {raw!r:.60}; {_EXAMPLE}"
        )
    return int(whole(1, MAX_WORKERS, _EXAMPLE)(raw, label))


def _bounds(raw: str, label: str) -> WorkerBounds:
    words = re.fullmatch(r"(\d+)\s*\.\.\s*(\d+)", raw)
    if words is None:
        raise OptionError(
            f"{label} must be two whole numbers with .. between them, got {raw!r:.60}; "
            f"{_BOUNDS_EXAMPLE}"
        )
    least, most = (
        int(whole(1, MAX_WORKERS, _BOUNDS_EXAMPLE)(word, label)) for word in words.groups()
    )
    if least > most:
        raise OptionError(
            f"{label} must have the smaller number first, got {raw!r:.60}; {most}..{least}"
        )
    return WorkerBounds(least, most)


def check_bounds(reader: OptionReader, values: Mapping[str, Any]) -> None:
    """Report bounds of workers that do not wait for another side."""
    workers, backend = values["workers"], values["backend"]
    if isinstance(workers, WorkerBounds) and backend in ("sequential", "process", "dask"):
        reader.error(
            f"{reader.label('workers')} {workers}: bounds are for threads and coroutines, which "
            f"may wait in any number, and the backend is {backend}; give one number"
        )
