"""The figures of a command at one moment: what page, metrics and summary are made of."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from batchmap.command.monitoring.run_totals import Totals
from batchmap.command.text_layout import cut, encodable
from batchmap.metrics import RunSummary
from batchmap.run_outcome import ErrorExample

__all__ = ["ItemCounts", "RunFigures"]

MAX_MESSAGE_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class ItemCounts:
    """What became of the items of a command."""

    succeeded: int
    failed: int
    succeeded_before: int
    """Items whose results were there before the command began, as after a resume."""
    failed_before: int
    """Items that had failed before the command began."""
    retries: int
    """Attempts beyond the first, of all items together."""


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What is known of a command's items so far."""

    counts: ItemCounts
    errors: tuple[ErrorExample, ...] = ()
    """The most frequent kinds of errors, the most frequent first; long messages are cut."""
    totals: Totals = field(default_factory=Totals.none)
    backend: str = ""
    """Empty before there is a plan."""
    workers: int = 0
    busy_workers: int = 0
    batches_in_flight: int = 0
    total: int | None = None
    """How many items there are for this run to do; `None` where that is not known exactly."""
    rate: float = 0.0
    """Items a second of late."""

    @classmethod
    def none(cls) -> Self:
        """Return those of a command that has done nothing."""
        return cls(ItemCounts(0, 0, 0, 0, 0))

    def at_rest(self) -> Self:
        """Return those of the run when it has ended."""
        return replace(self, busy_workers=0, batches_in_flight=0, rate=0.0)

    @classmethod
    def of_run(cls, run: RunSummary, before: RunFigures | None) -> Self:
        """Return those of a run of the demonstration, added to those of runs `before`."""
        added = None if before is None else before.counts
        return cls(
            ItemCounts(
                succeeded=run.successful + (added.succeeded if added else 0),
                failed=run.failed + (added.failed if added else 0),
                succeeded_before=0,
                failed_before=0,
                retries=run.retries + (added.retries if added else 0),
            ),
            errors=shortened(run.errors) or (() if before is None else before.errors),
        )

    def to_json(self) -> str:
        """Return it as JSON, for `from_json`."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` was called on."""
        read: dict[str, Any] = json.loads(text)
        totals = read.pop("totals")
        return cls(
            counts=ItemCounts(**read.pop("counts")),
            errors=tuple(ErrorExample(**error) for error in read.pop("errors")),
            totals=Totals(**{**totals, "buckets": tuple(totals["buckets"])}),
            **read,
        )


def shortened(errors: tuple[ErrorExample, ...]) -> tuple[ErrorExample, ...]:
    """Return the errors with messages of bounded length."""
    return tuple(
        replace(
            error,
            error=_cut(error.error),
            pattern=_cut(error.pattern),
            place=_cut(error.place),
            error_type=_cut(error.error_type),
        )
        for error in errors
    )


def _cut(text: str) -> str:
    return cut(encodable(text), MAX_MESSAGE_CHARACTERS)
