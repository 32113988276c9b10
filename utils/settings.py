"""The settings of a command, checked once at the door, all faults reported together."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from utils.errors import InputError, UsageError
from utils.machine import usable_cores

__all__ = ["BACKENDS", "DATA_TYPES", "LOG_LEVELS", "WORKLOAD_NAMES", "Settings", "near_names"]

WORKLOAD_NAMES = ("io", "text", "number")
DATA_TYPES = ("numbers", "text", "mixed")
BACKENDS = ("auto", "sequential", "thread", "process")
LOG_LEVELS = ("debug", "info", "warning", "error")

LARGEST_COUNT = 10**15
LARGEST_WORKERS = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a command was asked to do; build it with `Settings.of`, which checks it."""

    count: int | None = None
    """Items to make, or at most to take from the input; `None`: the default, or all there are."""
    workers: int | None = None
    """`None`: the workload's default."""
    backend: str = "auto"
    batch_size: int | None = None
    """`None`: chosen by arithmetic."""
    retries: int = 0
    """Attempts after the first."""
    seed: int = 0
    workload: str = "io"
    data: str | None = None
    """What kind of items to make; `None`: what fits the workload."""
    latency_s: float = 0.5
    """Mean simulated wait of the `io` workload; the other waits scale with it."""
    failure_rate: float = 0.05
    """Share of the items that fail on purpose, from 0 to 1."""
    input: Path | None = None
    """A file whose lines are the items."""
    quick: bool = False
    """Whether to cut the simulated waits to a tenth."""
    quiet: bool = False
    progress: bool = True
    log_level: str = "warning"
    export_json: Path | None = None

    @classmethod
    def of(cls, **options: Any) -> Settings:
        """Check the options, given as text (from a command line) or as values, and keep them.

        `workers_positional` may stand beside `workers`. An option that is `None` or missing
        keeps its default. Raises `UsageError` with all faults, or `InputError` when the input
        alone is at fault.
        """
        door = _Door(options)
        settings = cls(
            count=door.whole("count", "COUNT", 1, LARGEST_COUNT, "for example 100"),
            workers=door.workers(),
            backend=door.choice("backend", BACKENDS) or "auto",
            batch_size=door.batch_size(),
            retries=door.whole("retries", "--retries", 0, 1000, "0 means one attempt") or 0,
            seed=door.whole("seed", "--seed", None, None, "for example 7") or 0,
            workload=door.choice("workload", WORKLOAD_NAMES) or "io",
            data=door.choice("data", DATA_TYPES),
            latency_s=door.latency(),
            failure_rate=door.failure_rate(),
            input=door.input_file(),
            quick=bool(options.get("quick")),
            quiet=bool(options.get("quiet")),
            progress=options.get("progress") is not False,
            log_level=door.choice("log_level", LOG_LEVELS) or "warning",
            export_json=door.output_file("export_json"),
        )
        door.close()
        return settings


class _Door:
    """Read options one by one and gather what is wrong with them."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._usage_faults: list[str] = list(options.get("faults") or ())
        self._input_faults: list[str] = []

    def close(self) -> None:
        faults = self._usage_faults + self._input_faults
        if self._usage_faults:
            raise UsageError(faults)
        if faults:
            raise InputError(faults)

    def _read(self, name: str, convert: Callable[[Any], T]) -> T | None:
        raw = self._options.get(name)
        if raw is None:
            return None
        try:
            return convert(raw)
        except _Fault as fault:
            self._usage_faults.append(str(fault))
            return None

    def whole(
        self, name: str, label: str, least: int | None, most: int | None, mend: str
    ) -> int | None:
        return self._read(name, lambda raw: _whole(raw, label, least, most, mend))

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        return self._read(name, lambda raw: _choice(raw, _option(name), allowed))

    def batch_size(self) -> int | None:
        if self._options.get("batch_size") == "auto":
            return None
        mend = "leave it out to have it chosen"
        return self.whole("batch_size", "--batch-size", 1, LARGEST_COUNT, mend)

    def workers(self) -> int | None:
        positional = self._read("workers_positional", lambda raw: _workers(raw, "WORKERS"))
        option = self._read("workers", lambda raw: _workers(raw, "--workers"))
        given = self._options.get("workers_positional"), self._options.get("workers")
        if None not in given and positional != option:
            self._usage_faults.append(
                f"WORKERS is {given[0]} and --workers is {given[1]}; give one of them"
            )
        return option if positional is None else positional

    def latency(self) -> float:
        latency_s = self._read("latency_s", lambda raw: _duration_s(raw, "--latency"))
        return 0.5 if latency_s is None else latency_s

    def failure_rate(self) -> float:
        rate = self._read("failure_rate", lambda raw: _share(raw, "--failure-rate"))
        return 0.05 if rate is None else rate

    def input_file(self) -> Path | None:
        raw = self._options.get("input")
        if raw is None:
            return None
        path = Path(raw)
        if self._options.get("data") is not None:
            self._usage_faults.append(
                "--data says what items to make and --input brings its own; leave one out"
            )
        problem = _why_unreadable(path)
        if problem:
            self._input_faults.append(f"--input {raw}: {problem}")
        return path

    def output_file(self, name: str) -> Path | None:
        raw = self._options.get(name)
        if raw is None:
            return None
        path = Path(raw)
        source = self._options.get("input")
        if path.is_dir() or not str(raw):
            self._usage_faults.append(f"{_option(name)} {raw}: a directory; name a file in it")
        elif not path.absolute().parent.is_dir():
            self._usage_faults.append(
                f"{_option(name)} {raw}: there is no directory {path.parent}; make it first"
            )
        elif source is not None and path.exists() and path.samefile(source):
            self._usage_faults.append(
                f"{_option(name)} {raw}: that is the input; name another file"
            )
        return path


class _Fault(Exception):
    """One option's fault, in words for the user."""


def near_names(name: str, allowed: Sequence[str]) -> str:
    """Return `; did you mean …?` when `name` is nearly one of the allowed ones, else nothing."""
    near = difflib.get_close_matches(name, allowed, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _whole(raw: Any, label: str, least: int | None, most: int | None, mend: str) -> int:
    try:
        number = int(raw) if isinstance(raw, str) else raw
    except ValueError:
        number = None
    if not isinstance(number, int) or isinstance(number, bool):
        raise _Fault(f"{label} must be a whole number, got {raw!r:.60}; {mend}")
    if least is not None and number < least:
        raise _Fault(f"{label} must be at least {least}, got {number}; {mend}")
    if most is not None and number > most:
        raise _Fault(f"{label} must be at most {most}, got {number!s:.60}; {mend}")
    return number


def _workers(raw: Any, label: str) -> int | None:
    mend = "leave it out to use every core"
    if raw == "auto":
        return None
    if isinstance(raw, str) and (percent := re.fullmatch(r"(\d{1,6})%", raw)):
        share = _whole(percent[1], label, 1, 100_000, mend) / 100
        return max(1, round(usable_cores() * share))
    if isinstance(raw, str) and not re.fullmatch(r"[+-]?\d+", raw):
        raise _Fault(
            f"{label} must be a whole number, a percentage of the cores or auto, "
            f"got {raw!r:.60}; {mend}"
        )
    return _whole(raw, label, 1, LARGEST_WORKERS, mend)


def _choice(raw: Any, label: str, allowed: Sequence[str]) -> str:
    if raw not in allowed:
        hint = near_names(str(raw), allowed)
        raise _Fault(f"{label} must be one of {', '.join(allowed)}, got {raw!r:.60}{hint}")
    return str(raw)


def _number(raw: Any) -> float:
    try:
        return float(raw)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _duration_s(raw: Any, label: str) -> float:
    text = str(raw).strip()
    match = re.fullmatch(r"([\d.eE+-]+)\s*(ms|s|m)?", text)
    seconds = _number(match[1]) if match else math.nan
    if match and match[2]:
        seconds *= {"ms": 0.001, "s": 1.0, "m": 60.0}[match[2]]
    if not 0 <= seconds <= 86_400:
        raise _Fault(f"{label} must be from 0 to 86400 seconds, got {raw!r:.60}; for example 0.5")
    return seconds


def _share(raw: Any, label: str) -> float:
    share = _number(raw)
    if not 0 <= share <= 1:
        raise _Fault(f"{label} must be from 0 to 1, got {raw!s:.60}; 0.05 is 5 %")
    return share


def _why_unreadable(path: Path) -> str | None:
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
