"""Shows on stderr how far a run is: a bar in a terminal, else a line now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.command.progress_sums import BAR_WIDTH, ProgressSums, clock_text
from batchmap.command.terminal import is_plain, lines_above, stderr, stderr_console
from batchmap.records import BatchRecord
from batchmap.scheduling.run_state import RunState
from batchmap.stopping import StopRequest

__all__ = ["ProgressObserver"]

PLAIN_LINE_EVERY_S = 5.0

ECHO_WIDTH = 4

BAR_COLOURS = ("magenta", "bright_black")
"""Of what is done and what is left; both show on dark and on light backgrounds."""

STOPPING = "stopping; again gives up"


class ProgressObserver:
    """Show on stderr how far a run is: items done, rate and ETA, as a bar or now and then a line.

    `total` counts the items, `None` when unknown; `phase` goes before the figures. With `state`,
    failed and retried items, busy workers and memory are shown, too. Without a `total`, `counted`
    may return it all the same, and `share_done` which share of the input is done, from 0 to 1.
    """

    def __init__(
        self,
        *,
        phase: str,
        total: int | None = None,
        state: RunState | None = None,
        counted: Callable[[], int | None] = lambda: None,
        share_done: Callable[[], float | None] = lambda: None,
        enabled: bool = True,
        stop: StopRequest | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._sums = ProgressSums(phase, total, state, counted, share_done, clock)
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


def _show_bar(
    records: Iterator[BatchRecord], sums: ProgressSums, stop: StopRequest
) -> Iterator[BatchRecord]:
    from rich.progress import Progress, ProgressColumn, Task
    from rich.text import Text

    console = stderr_console()

    class Figures(ProgressColumn):
        """A bar and the figures at each refresh, as many as there is room for."""

        def render(self, task: Task) -> Text:
            name = STOPPING if stop.requested else sums.phase
            filled, line = sums.bar_and_line(console.width - len(name) - 1 - ECHO_WIDTH)
            text = Text(no_wrap=True, overflow="crop")
            if filled is not None:
                done, left = BAR_COLOURS
                text.append("━" * filled, done)
                text.append("━" * (BAR_WIDTH - filled), left)
                text.append(" ")
            return text.append(f"{name} {line}")

    with Progress(Figures(), console=console, transient=True) as progress, lines_above(console):
        progress.add_task("", total=None)
        yield from records


def _show_lines(
    records: Iterator[BatchRecord], sums: ProgressSums, clock: Clock
) -> Iterator[BatchRecord]:
    started_s = clock.now()
    next_line_s = started_s + PLAIN_LINE_EVERY_S
    for record in records:
        now_s = clock.now()
        if now_s >= next_line_s:
            next_line_s = now_s + PLAIN_LINE_EVERY_S
            _print_line(sums, sums.rate(), goes_on=True)
        yield record
    elapsed_s = clock.now() - started_s
    _print_line(sums, sums.mean_rate(elapsed_s), goes_on=False)


def _print_line(sums: ProgressSums, rate: float, *, goes_on: bool) -> None:
    parts = [f"{sums.how_far()} items", sums.percentage(goes_on=goes_on), sums.problems()]
    parts.append(f"{rate:,.1f} items/s")
    if goes_on:
        if (eta_s := sums.eta_s()) is not None:
            parts.append(f"ETA {clock_text(eta_s)}")
        parts.append(sums.load())
    with suppress(OSError):  # a run does not end because nobody can see how far it is
        print(f"{sums.phase}: {', '.join(filter(None, parts))}", file=stderr())
