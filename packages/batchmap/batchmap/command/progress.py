"""Shows on stderr how far a run is: a bar in a terminal, else a line now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.command.terminal import is_plain, stderr, stderr_console
from batchmap.records import BatchRecord
from batchmap.resources import family_resident_bytes
from batchmap.scheduling.run_state import RunState
from batchmap.stopping import StopRequest

__all__ = ["ProgressObserver"]

PLAIN_LINE_EVERY_S = 5.0

BAR_WIDTH = 20
"""Characters; the `^C` that a terminal echoes must fit behind the bar to be wiped with it."""

WIDE_FROM = 100
"""Columns that a bar needs beside failed, retried, busy and memory."""

MEMORY_READ_EVERY_S = 1.0

STOPPING = "stopping; again gives up"


class ProgressObserver:
    """Show on stderr how far a run is: items done, rate and ETA, as a bar or now and then a line.

    `total` counts the items, `None` when unknown; `phase` goes before the figures. With `state`,
    failed and retried items, busy workers and memory are shown, too, and what `expected` returns
    stands in for a `total` that is not known.
    """

    def __init__(
        self,
        *,
        phase: str,
        total: int | None = None,
        state: RunState | None = None,
        expected: Callable[[], int | None] = lambda: None,
        enabled: bool = True,
        stop: StopRequest | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._sums = _Sums(phase, total, state, expected, clock)
        self._enabled = enabled
        self._stop = stop or StopRequest()
        self._clock = clock

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Yield the records on as they come, none taken ahead."""
        if not self._enabled:
            return records
        counted = self._sums.observe(records)
        if is_plain():
            return _show_lines(counted, self._sums, self._clock)
        return _show_bar(counted, self._sums, self._stop)


class _Sums:
    """The sums over the records so far, in words."""

    def __init__(
        self,
        phase: str,
        total: int | None,
        state: RunState | None,
        expected: Callable[[], int | None],
        clock: Clock,
    ) -> None:
        self.phase = phase
        self._total = total
        self.state = state
        self._expected = expected
        self.done = 0
        self._about = "" if total is not None else "~"
        self._failed = 0
        self._retried = 0
        self._clock = clock
        self._memory_bytes = 0
        self._next_memory_read_s = 0.0

    @property
    def total(self) -> int | None:
        return self._expected() if self._total is None else self._total

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        for record in records:
            self.done += len(record.results)
            self._failed += len(record.failures)
            self._retried += len(record.attempts)
            yield record

    def how_far(self, *, goes_on: bool = True) -> str:
        total = self.total
        is_guess = self._about and not goes_on
        if total is None or is_guess or self.done > total:
            return f"{self.done:,}"
        return f"{self.done:,}/{self._about}{total:,}"

    def problems(self) -> str:
        """Return the numbers of failed and retried items in words, empty when there are none."""
        if self.state is None:
            return ""
        counts = ((self._failed, "failed"), (self._retried, "retried"))
        return ", ".join(f"{number:,} {name}" for number, name in counts if number)

    def load(self) -> str:
        """Return busy workers and memory of all our processes in words."""
        if self.state is None:
            return ""
        now_s = self._clock.now()
        if now_s >= self._next_memory_read_s:
            self._next_memory_read_s = now_s + MEMORY_READ_EVERY_S
            self._memory_bytes = family_resident_bytes()
        return f"{self.state.busy_workers} busy, {self._memory_bytes / 1e6:,.0f} MB"


def _show_bar(
    records: Iterator[BatchRecord], sums: _Sums, stop: StopRequest
) -> Iterator[BatchRecord]:
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
    from rich.text import Text

    class Words(ProgressColumn):
        """A column whose text is computed at each refresh."""

        def __init__(self, words: Callable[[Task], str]) -> None:
            super().__init__()
            self._words = words

        def render(self, task: Task) -> Text:
            return Text(self._words(task))

    def rate(task: Task) -> str:
        speed = task.finished_speed or task.speed
        return "" if speed is None else f"{speed:,.1f}{unit}"

    console = stderr_console()
    is_narrow = sums.state is not None and console.width < WIDE_FROM
    unit = "/s" if is_narrow else " items/s"
    columns: list[ProgressColumn] = [
        Words(lambda _: STOPPING if stop.requested else sums.phase),
        BarColumn(bar_width=BAR_WIDTH if sums.state is None else BAR_WIDTH // 2),
        Words(lambda _: sums.how_far()),
        Words(lambda _: sums.problems()),
        Words(rate),
        Words(lambda _: "ETA"),
        TimeRemainingColumn(compact=True),
        Words(lambda _: sums.load()),
    ]
    left_out = {3, 7} if sums.state is None else {1} if is_narrow else set()
    columns = [column for place, column in enumerate(columns) if place not in left_out]
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=sums.total)
        for record in records:
            progress.update(task, advance=len(record.results), total=sums.total)
            yield record


def _show_lines(records: Iterator[BatchRecord], sums: _Sums, clock: Clock) -> Iterator[BatchRecord]:
    started_s = clock.now()
    next_line_s = started_s + PLAIN_LINE_EVERY_S
    for record in records:
        now_s = clock.now()
        if now_s >= next_line_s:
            next_line_s = now_s + PLAIN_LINE_EVERY_S
            _print_line(sums, now_s - started_s, goes_on=True)
        yield record
    _print_line(sums, clock.now() - started_s, goes_on=False)


def _print_line(sums: _Sums, elapsed_s: float, *, goes_on: bool) -> None:
    rate = sums.done / elapsed_s if elapsed_s else 0.0
    parts = [f"{sums.how_far(goes_on=goes_on)} items", sums.problems(), f"{rate:,.1f} items/s"]
    if goes_on:
        if sums.total is not None and rate and sums.done < sums.total:
            parts.append(f"ETA {(sums.total - sums.done) / rate:.0f} s")
        parts.append(sums.load())
    with suppress(OSError):  # a run does not end because nobody can see how far it is
        print(f"{sums.phase}: {', '.join(filter(None, parts))}", file=stderr())
