"""Watches records go by and shows on stderr how far the run is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress

from utils.clock import SYSTEM_CLOCK, Clock
from utils.records import BatchRecord
from utils.stopping import StopRequest
from utils.terminal import is_plain, stderr_console

__all__ = ["show_progress"]

PLAIN_LINE_EVERY_S = 5.0

BAR_WIDTH = 20
"""Characters; the `^C` that a terminal echoes must fit behind the bar to be wiped with it."""

STOPPING = "stopping; again gives up"


def show_progress(
    records: Iterator[BatchRecord],
    *,
    phase: str,
    total: int | None,
    enabled: bool = True,
    stop: StopRequest | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Iterator[BatchRecord]:
    """Yield the records on and show items done, rate and ETA: a bar, or now and then a line."""
    if not enabled:
        return records
    if is_plain():
        return _show_lines(records, phase, total, clock)
    return _show_bar(records, phase, total, stop or StopRequest())


def _show_bar(
    records: Iterator[BatchRecord], phase: str, total: int | None, stop: StopRequest
) -> Iterator[BatchRecord]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class PhaseColumn(ProgressColumn):
        """The phase, until the run is told to end."""

        def render(self, task: Task) -> Text:
            return Text(STOPPING if stop.requested else task.description)

    class RateColumn(ProgressColumn):
        """The items done a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.1f} items/s")

    columns = (
        PhaseColumn(),
        BarColumn(bar_width=BAR_WIDTH),
        MofNCompleteColumn(),
        RateColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=stderr_console(), transient=True) as progress:
        task = progress.add_task(phase, total=total)
        for record in records:
            progress.advance(task, len(record.results))
            yield record


def _show_lines(
    records: Iterator[BatchRecord], phase: str, total: int | None, clock: Clock
) -> Iterator[BatchRecord]:
    started_s = clock.now()
    next_line_s = started_s + PLAIN_LINE_EVERY_S
    done = 0
    for record in records:
        done += len(record.results)
        now_s = clock.now()
        if now_s >= next_line_s:
            next_line_s = now_s + PLAIN_LINE_EVERY_S
            _print_line(phase, done, total, now_s - started_s)
        yield record
    _print_line(phase, done, total, clock.now() - started_s)


def _print_line(phase: str, done: int, total: int | None, elapsed_s: float) -> None:
    rate = done / elapsed_s if elapsed_s else 0.0
    of_total = "" if total is None else f"/{total:,}"
    eta = ""
    if total is not None and rate and done < total:
        eta = f", ETA {(total - done) / rate:.0f} s"
    with suppress(OSError):  # a run does not end because nobody can see how far it is
        print(f"{phase}: {done:,}{of_total} items, {rate:,.1f} items/s{eta}", file=sys.stderr)
