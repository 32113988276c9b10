"""The object that `--summary-json` writes: how a command ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from platform import node
from typing import Self

from batchmap import __version__
from batchmap.command.export import json_text
from batchmap.command.monitoring.run_figures import ItemCounts, RunFigures
from batchmap.run_outcome import ErrorExample

__all__ = ["CommandSummary"]


@dataclass(frozen=True, slots=True)
class CommandSummary:
    """How a command ended."""

    command: str
    """The subcommand."""
    version: str
    """That of `batchmap`."""
    host: str
    """The name of the machine."""
    started: str
    """As ISO 8601 with the time zone."""
    ended: str
    """As ISO 8601 with the time zone."""
    duration_s: float
    exit_code: int
    items: ItemCounts | None
    """`None` where none were counted, as the command ended before it could."""
    first_errors: tuple[ErrorExample, ...]
    """The most frequent kinds of errors with the first of each, the most frequent first; long
    messages are cut."""
    message: str
    """What the command said on standard error as it ended by an error of its own; else empty."""

    @classmethod
    def of(
        cls,
        command: str,
        started_s: float,
        ended_s: float,
        exit_code: int,
        figures: RunFigures | None,
        message: str,
    ) -> Self:
        """Return that of a command that ran from `started_s` to `ended_s`, seconds since 1970."""
        return cls(
            command=command,
            version=__version__,
            host=node(),
            started=_iso(started_s),
            ended=_iso(ended_s),
            duration_s=round(ended_s - started_s, 3),
            exit_code=exit_code,
            items=None if figures is None else figures.counts,
            first_errors=() if figures is None else figures.errors,
            message=message,
        )

    @staticmethod
    def is_one(text: str) -> bool:
        """Tell whether a text is one that `to_json` has returned."""
        read = json.loads(text)
        return isinstance(read, dict) and {"exit_code", "first_errors"} <= read.keys()

    def to_json(self) -> str:
        """Return it as an object of JSON, indented."""
        return json_text(asdict(self))


def _iso(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds")
