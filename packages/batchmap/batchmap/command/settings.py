"""The settings of a command, checked once at the door, all faults reported together."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from batchmap.command.option_parsers import (
    parse_rate,
    parse_timeout_s,
)
from batchmap.command.option_reader import OptionReader

__all__ = [
    "BACKENDS",
    "LOG_LEVELS",
    "EngineSettings",
    "task_file",
]

BACKENDS = ("auto", "sequential", "thread", "process", "async", "dask")
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
    export_markdown: Path | None = None
    export_html: Path | None = None

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Check the options, given as text (from a command line) or as values, and keep them.

        `workers_positional` may stand beside `workers`. An option that is `None` or missing
        keeps its default. Raises `UsageError` with all faults, `InputError` when the input alone
        is at fault, `TypeError` for an option that does not exist.
        """
        if unknown := options.keys() - cls._option_names() - {"faults"}:
            raise TypeError(f"no option {', '.join(sorted(unknown))}")
        reader = OptionReader(options)
        settings = cls(**cls._parsed(reader, options))
        reader.close()
        return settings

    @classmethod
    def _option_names(cls) -> set[str]:
        return {field.name for field in fields(cls)} | {"workers_positional"}

    @classmethod
    def _parsed(cls, reader: OptionReader, options: dict[str, Any]) -> dict[str, Any]:
        return {
            "workers": reader.workers(),
            "backend": reader.choice("backend", BACKENDS),
            "batch_size": reader.batch_size(),
            "retries": reader.whole("retries", "--retries", 0, 1000, "0 means one attempt") or 0,
            "timeout_s": reader.positive("timeout_s", "--timeout", parse_timeout_s),
            "rate": reader.positive("rate", "--rate", parse_rate),
            "quiet": bool(options.get("quiet")),
            "progress": options.get("progress") is not False,
            "log_level": reader.choice("log_level", LOG_LEVELS) or "warning",
            **reader.exports(),
        }


def task_file(task: Any) -> Path | None:
    """Return the file that a task is read from, where it names one."""
    place = str(task or "").rpartition(":")[0]
    return Path(place) if place.endswith(".py") else None
