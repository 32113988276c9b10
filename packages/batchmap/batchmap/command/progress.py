"""Shows on stderr how far a run is: a bar in a terminal, else a line now and then."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.command.terminal import is_plain, lines_above, stderr, stderr_console
from batchmap.records import BatchRecord
from batchmap.resources import family_resident_bytes
from batchmap.scheduling.run_state import RunState
from batchmap.stopping import StopRequest

__all__ = ["ProgressObserver"]

PLAIN_LINE_EVERY_S = 5.0

BAR_WIDTH = 10
"""Characters; the `^C` that a terminal echoes must fit behind the bar to be wiped with it."""

ECHO_WIDTH = 4

BAR_COLOURS = ("magenta", "bright_black")
"""Of what is done and what is left; both show on dark and on light backgrounds."""

MEMORY_READ_EVERY_S = 1.0

RATE_OVER_S = 60.0
"""The rate is that of so many seconds, up to now."""

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
        self._sums = _Sums(phase, total, state, counted, share_done, clock)
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
        counted: Callable[[], int | None],
        share_done: Callable[[], float | None],
        clock: Clock,
    ) -> None:
        self.phase = phase
        self._total = total
        self._state = state
        self._counted = counted
        self._share_done = share_done
        self._done = 0
        self._failed = 0
        self._retried = 0
        self._clock = clock
        self._memory_bytes = 0
        self._next_memory_read_s = 0.0
        self._samples: deque[tuple[float, int, float | None]] = deque([(clock.now(), 0, None)])
        """Time, items done and share done, of about each of the last `RATE_OVER_S` seconds, and of
        two records at least. Another thread reads them."""

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        self._samples[0] = self._clock.now(), 0, self.share()
        for record in records:
            self._done += len(record.results)
            self._failed += len(record.failures)
            self._retried += len(record.attempts)
            now_s = self._clock.now()
            if now_s >= self._samples[-1][0] + 1.0:
                self._sample(now_s)
            yield record

    def _sample(self, now_s: float) -> None:
        self._samples.append((now_s, self._done, self.share()))
        while len(self._samples) > 2 and self._samples[1][0] < now_s - RATE_OVER_S:
            self._samples.popleft()

    @property
    def total(self) -> int | None:
        """Return how many items there are, `None` where that is not known exactly."""
        total = self._counted() if self._total is None else self._total
        return None if total is None or self._done > total else total

    def share(self) -> float | None:
        """Return which share of the items is done, from 0 to 1."""
        if (total := self.total) is not None:
            return self._done / total if total else None
        return self._share_done()

    def percentage(self, *, goes_on: bool = True) -> str:
        share = self.share()
        if share is None or not goes_on:
            return ""
        return f"{min(int(share * 100), 100 if self.total else 99)}%"

    def how_far(self) -> str:
        total = self.total
        return f"{self._done:,}" if total is None else f"{self._done:,}/{total:,}"

    def rate(self) -> float:
        """Return the items a second of late, 0 before there is one."""
        then_s, done, _ = self._samples[0]
        elapsed_s = self._clock.now() - then_s
        return (self._done - done) / elapsed_s if elapsed_s > 0 else 0.0

    def mean_rate(self, elapsed_s: float) -> float:
        """Return the items a second of the whole run, which took `elapsed_s`."""
        return self._done / elapsed_s if elapsed_s else 0.0

    def eta_s(self) -> float | None:
        """Return in how many seconds all is done if it goes on like this, `None` when unknown."""
        now = self.share()
        # With a new total, or a resumed run, the first share that is known is that of a later time.
        then_s, then = next(
            ((time_s, share) for time_s, _, share in tuple(self._samples) if share is not None),
            (0.0, 0.0),
        )
        elapsed_s = self._clock.now() - then_s
        if now is None or now <= then or elapsed_s <= 0:
            return None
        return max(0.0, (1 - now) * elapsed_s / (now - then))

    def problems(self) -> str:
        """Return the numbers of failed and retried items in words, empty when there are none."""
        if self._state is None:
            return ""
        counts = ((self._failed, "failed"), (self._retried, "retried"))
        return ", ".join(f"{number:,} {name}" for number, name in counts if number)

    def load(self) -> str:
        """Return busy workers and memory of all our processes in words."""
        if self._state is None:
            return ""
        now_s = self._clock.now()
        if now_s >= self._next_memory_read_s:
            self._next_memory_read_s = now_s + MEMORY_READ_EVERY_S
            self._memory_bytes = family_resident_bytes()
        return f"{self._state.busy_workers} busy, {self._memory_bytes / 1e6:,.0f} MB"

    def line(self, width: int) -> str:
        """Return all figures in one line; where they are wider, without the least important.

        Share, number, rate and time left are always there.
        """
        eta_s = self.eta_s()
        is_endless = self.share() is None and self._done > 0
        parts = [
            self.percentage(),
            self.how_far(),
            self.problems(),
            _rate_text(self.rate()),
            "" if is_endless else f"ETA {'--:--' if eta_s is None else _clock_text(eta_s)}",
            self.load(),
        ]
        for least_important in (5, 2):
            if len(" ".join(filter(None, parts))) > width:
                parts[least_important] = ""
        return " ".join(filter(None, parts))

    def bar_and_line(self, width: int) -> tuple[int | None, str]:
        """Return how many of a bar's characters are filled, `None` for no bar, and the figures.

        There is no bar where the share is unknown, and where it would take the room of figures.
        """
        share = self.share()
        if share is not None:
            line = self.line(width - BAR_WIDTH - 1)
            if self.problems() in line and len(line) < width - BAR_WIDTH:
                return round(BAR_WIDTH * min(1.0, share)), line
        return None, self.line(width)


def _rate_text(rate: float) -> str:
    return f"{rate * 60:,.1f}/min" if 0 < rate < 0.1 else f"{rate:,.1f}/s"


def _clock_text(time_s: float) -> str:
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _show_bar(
    records: Iterator[BatchRecord], sums: _Sums, stop: StopRequest
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


def _show_lines(records: Iterator[BatchRecord], sums: _Sums, clock: Clock) -> Iterator[BatchRecord]:
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


def _print_line(sums: _Sums, rate: float, *, goes_on: bool) -> None:
    parts = [f"{sums.how_far()} items", sums.percentage(goes_on=goes_on), sums.problems()]
    parts.append(f"{rate:,.1f} items/s")
    if goes_on:
        if (eta_s := sums.eta_s()) is not None:
            parts.append(f"ETA {_clock_text(eta_s)}")
        parts.append(sums.load())
    with suppress(OSError):  # a run does not end because nobody can see how far it is
        print(f"{sums.phase}: {', '.join(filter(None, parts))}", file=stderr())
