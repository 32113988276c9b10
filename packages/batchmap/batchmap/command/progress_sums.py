"""How far a run is: the sums over its batch records so far, in figures and in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from batchmap.clock import Clock
from batchmap.records import BatchRecord
from batchmap.resources import family_resident_bytes
from batchmap.scheduling.run_state import RunState

__all__ = ["BAR_WIDTH", "ProgressSums", "clock_text", "rate_text"]

BAR_WIDTH = 10
"""Characters; the `^C` that a terminal echoes must fit behind the bar to be wiped with it."""

MEMORY_READ_EVERY_S = 1.0

RATE_OVER_S = 60.0
"""The rate is that of so many seconds, up to now."""


class ProgressSums:
    """The sums over the records so far; other threads may read them.

    The arguments are those of `ProgressObserver`.
    """

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
        self.done = 0
        self.failed = 0
        self.retried = 0
        self._clock = clock
        self._memory_bytes = 0
        self._next_memory_read_s = 0.0
        self._samples: deque[tuple[float, int, float | None]] = deque([(clock.now(), 0, None)])
        """Time, items done and share done, of about each of the last `RATE_OVER_S` seconds, and of
        two records at least. Another thread reads them."""

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Add each record and yield it on."""
        self._samples[0] = self._clock.now(), 0, self.share()
        for record in records:
            self.done += len(record.results)
            self.failed += len(record.failures)
            self.retried += len(record.attempts)
            now_s = self._clock.now()
            if now_s >= self._samples[-1][0] + 1.0:
                self._sample(now_s)
            yield record

    def _sample(self, now_s: float) -> None:
        self._samples.append((now_s, self.done, self.share()))
        while len(self._samples) > 2 and self._samples[1][0] < now_s - RATE_OVER_S:
            self._samples.popleft()

    @property
    def total(self) -> int | None:
        """Return how many items there are, `None` where that is not known exactly."""
        total = self._counted() if self._total is None else self._total
        return None if total is None or self.done > total else total

    def share(self) -> float | None:
        """Return which share of the items is done, from 0 to 1."""
        if (total := self.total) is not None:
            return self.done / total if total else None
        return self._share_done()

    def percentage(self, *, goes_on: bool = True) -> str:
        """Return the share in words, empty where it is unknown or the run is over."""
        share = self.share()
        if share is None or not goes_on:
            return ""
        return f"{min(int(share * 100), 100 if self.total else 99)}%"

    def how_far(self) -> str:
        """Return how many items are done, and of how many where that is known."""
        total = self.total
        return f"{self.done:,}" if total is None else f"{self.done:,}/{total:,}"

    def rate(self) -> float:
        """Return the items a second of late, 0 before there is one."""
        then_s, done, _ = self._samples[0]
        elapsed_s = self._clock.now() - then_s
        return (self.done - done) / elapsed_s if elapsed_s > 0 else 0.0

    def mean_rate(self, elapsed_s: float) -> float:
        """Return the items a second of the whole run, which took `elapsed_s`."""
        return self.done / elapsed_s if elapsed_s else 0.0

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
        counts = ((self.failed, "failed"), (self.retried, "retried"))
        return ", ".join(f"{number:,} {name}" for number, name in counts if number)

    def load(self) -> str:
        """Return busy workers and memory of all our processes in words."""
        if self._state is None:
            return ""
        return f"{self._state.busy_workers} busy, {self.memory_bytes() / 1e6:,.0f} MB"

    def memory_bytes(self) -> int:
        """Return the memory of all our processes, as it was a second ago or less."""
        now_s = self._clock.now()
        if now_s >= self._next_memory_read_s:
            self._next_memory_read_s = now_s + MEMORY_READ_EVERY_S
            self._memory_bytes = family_resident_bytes()
        return self._memory_bytes

    def line(self, width: int) -> str:
        """Return all figures in one line; where they are wider, without the least important.

        Share, number, rate and time left are always there.
        """
        eta_s = self.eta_s()
        is_endless = self.share() is None and self.done > 0
        parts = [
            self.percentage(),
            self.how_far(),
            self.problems(),
            rate_text(self.rate()),
            "" if is_endless else f"ETA {'--:--' if eta_s is None else clock_text(eta_s)}",
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


def rate_text(rate: float) -> str:
    """Return items a second, or where they are few, a minute."""
    return f"{rate * 60:,.1f}/min" if 0 < rate < 0.1 else f"{rate:,.1f}/s"


def clock_text(time_s: float) -> str:
    """Return a time as a clock shows it: `0:05`, `1:00:00`."""
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
