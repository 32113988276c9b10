"""The settings of a command, checked once at the door, all faults reported together."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from utils.checks import checked_rate, checked_timeout_s
from utils.door import LARGEST_COUNT, Door

__all__ = [
    "BACKENDS",
    "DATA_TYPES",
    "LOG_LEVELS",
    "WORKLOAD_NAMES",
    "EngineSettings",
    "Settings",
]

WORKLOAD_NAMES = ("io", "text", "number")
DATA_TYPES = ("numbers", "text", "mixed")
BACKENDS = ("auto", "sequential", "thread", "process", "async")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What every command can be asked for; build a subclass with its `of`, which checks."""

    workers: int | None = None
    """`None`: chosen."""
    backend: str | None = None
    """`auto`: by measuring; `None`: the command's default."""
    batch_size: int | None = None
    """`None`: chosen."""
    retries: int = 0
    """Attempts after the first."""
    timeout_s: float | None = None
    """Time limit of an item; `None` for none."""
    rate: float | None = None
    """Items that may start in a second; `None` for no limit."""
    quiet: bool = False
    progress: bool = True
    log_level: str = "warning"
    export_json: Path | None = None

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Check the options, given as text (from a command line) or as values, and keep them.

        `workers_positional` may stand beside `workers`. An option that is `None` or missing
        keeps its default. Raises `UsageError` with all faults, `InputError` when the input alone
        is at fault, `TypeError` for an option that does not exist.
        """
        if unknown := options.keys() - cls._option_names() - {"faults"}:
            raise TypeError(f"no option {', '.join(sorted(unknown))}")
        door = Door(options)
        settings = cls(**cls._checked(door, options))
        door.close()
        return settings

    @classmethod
    def _option_names(cls) -> set[str]:
        return {field.name for field in fields(cls)} | {"workers_positional"}

    @classmethod
    def _checked(cls, door: Door, options: dict[str, Any]) -> dict[str, Any]:
        return {
            "workers": door.workers(),
            "backend": door.choice("backend", BACKENDS),
            "batch_size": door.batch_size(),
            "retries": door.whole("retries", "--retries", 0, 1000, "0 means one attempt") or 0,
            "timeout_s": door.positive("timeout_s", "--timeout", checked_timeout_s),
            "rate": door.positive("rate", "--rate", checked_rate),
            "quiet": bool(options.get("quiet")),
            "progress": options.get("progress") is not False,
            "log_level": door.choice("log_level", LOG_LEVELS) or "warning",
            "export_json": door.output_file("export_json"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(EngineSettings):
    """What a command of the demonstration was asked to do."""

    count: int | None = None
    """Items to make, or at most to take from the input; `None`: the default, or all there are."""
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

    @classmethod
    def _checked(cls, door: Door, options: dict[str, Any]) -> dict[str, Any]:
        return {
            "count": door.whole("count", "COUNT", 1, LARGEST_COUNT, "for example 100"),
            **EngineSettings._checked(door, options),
            "seed": door.whole("seed", "--seed", None, None, "for example 7") or 0,
            "workload": door.choice("workload", WORKLOAD_NAMES) or "io",
            "data": door.choice("data", DATA_TYPES),
            "latency_s": door.latency(),
            "failure_rate": door.failure_rate(),
            "input": door.input_file(),
            "quick": bool(options.get("quick")),
        }
