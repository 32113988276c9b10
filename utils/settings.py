"""The settings of a command, checked once at the door, all faults reported together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from utils.checks import (
    Fault,
    checked_choice,
    checked_duration_s,
    checked_rate,
    checked_share,
    checked_timeout_s,
    checked_whole,
    checked_workers,
    why_unreadable,
    why_unwritable,
)
from utils.errors import InputError, UsageError

__all__ = ["BACKENDS", "DATA_TYPES", "LOG_LEVELS", "WORKLOAD_NAMES", "Settings"]

WORKLOAD_NAMES = ("io", "text", "number")
DATA_TYPES = ("numbers", "text", "mixed")
BACKENDS = ("auto", "sequential", "thread", "process", "async")
LOG_LEVELS = ("debug", "info", "warning", "error")

LARGEST_COUNT = 10**15

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a command was asked to do; build it with `Settings.of`, which checks it."""

    count: int | None = None
    """Items to make, or at most to take from the input; `None`: the default, or all there are."""
    workers: int | None = None
    """`None`: the workload's default."""
    backend: str | None = None
    """`auto`: by measuring; `None`: by the kind of workload."""
    batch_size: int | None = None
    """`None`: chosen by arithmetic."""
    retries: int = 0
    """Attempts after the first."""
    timeout_s: float | None = None
    """Time limit of an item; `None` for none."""
    rate: float | None = None
    """Items that may start in a second; `None` for no limit."""
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
        keeps its default. Raises `UsageError` with all faults, `InputError` when the input alone
        is at fault, `TypeError` for an option that does not exist.
        """
        unknown = options.keys() - cls.__slots__ - {"workers_positional", "faults"}
        if unknown:
            raise TypeError(f"no option {', '.join(sorted(unknown))}")
        door = _Door(options)
        settings = cls(
            count=door.whole("count", "COUNT", 1, LARGEST_COUNT, "for example 100"),
            workers=door.workers(),
            backend=door.choice("backend", BACKENDS),
            batch_size=door.batch_size(),
            retries=door.whole("retries", "--retries", 0, 1000, "0 means one attempt") or 0,
            timeout_s=door.positive("timeout_s", "--timeout", checked_timeout_s),
            rate=door.positive("rate", "--rate", checked_rate),
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
        except Fault as fault:
            self._usage_faults.append(str(fault))
            return None

    def whole(
        self, name: str, label: str, least: int | None, most: int | None, mend: str
    ) -> int | None:
        return self._read(name, lambda raw: checked_whole(raw, label, least, most, mend))

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        return self._read(name, lambda raw: checked_choice(raw, _option(name), allowed))

    def batch_size(self) -> int | None:
        if self._options.get("batch_size") == "auto":
            return None
        mend = "leave it out to have it chosen"
        return self.whole("batch_size", "--batch-size", 1, LARGEST_COUNT, mend)

    def workers(self) -> int | None:
        positional = self._read("workers_positional", lambda raw: checked_workers(raw, "WORKERS"))
        option = self._read("workers", lambda raw: checked_workers(raw, "--workers"))
        given = self._options.get("workers_positional"), self._options.get("workers")
        if None not in given and positional != option:
            self._usage_faults.append(
                f"WORKERS is {given[0]} and --workers is {given[1]}; give one of them"
            )
        return option if positional is None else positional

    def positive(self, name: str, label: str, check: Callable[[Any, str], float]) -> float | None:
        return self._read(name, lambda raw: check(raw, label))

    def latency(self) -> float:
        latency_s = self._read("latency_s", lambda raw: checked_duration_s(raw, "--latency"))
        return 0.5 if latency_s is None else latency_s

    def failure_rate(self) -> float:
        rate = self._read("failure_rate", lambda raw: checked_share(raw, "--failure-rate"))
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
        problem = why_unreadable(path)
        if problem:
            self._input_faults.append(f"--input {raw}: {problem}")
        return path

    def output_file(self, name: str) -> Path | None:
        raw = self._options.get(name)
        if raw is None:
            return None
        path = Path(raw)
        source = self._options.get("input")
        problem = why_unwritable(path)
        if problem:
            self._usage_faults.append(f"{_option(name)} {raw!s:.200}: {problem}")
        elif path.is_dir() or not str(raw):
            self._usage_faults.append(f"{_option(name)} {raw}: a directory; name a file in it")
        elif not path.absolute().parent.is_dir():
            self._usage_faults.append(
                f"{_option(name)} {raw}: there is no directory {path.parent}; make it first"
            )
        elif source is not None and _same_file(path, Path(source)):
            self._usage_faults.append(
                f"{_option(name)} {raw}: that is the input; name another file"
            )
        return path


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one of them is not there
        return False


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
