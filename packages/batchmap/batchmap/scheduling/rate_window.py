"""Counts what starts, so that no window of a length holds more than its budget."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass

__all__ = ["RateWindow", "Reservation"]

LOOK_AGAIN_S = 0.1
"""How long to wait, in seconds, where only the end of a call that runs will make room."""

PARTS = 256
"""What starts within such a part of the window is counted as one, as its last: whatever the rate,
only so many numbers are kept."""

TICK_S = 1e-6
"""Added to waits, in seconds, so that rounding ends none too early."""

ROUNDING = 1e-9
"""By such a share sums of costs may be off."""


@dataclass(slots=True, eq=False)
class _Part:
    """What has started from one moment to another, in seconds."""

    began_s: float
    ended_s: float
    amount: float


@dataclass(slots=True, eq=False)
class Reservation:
    """What a call counts in one window."""

    amount: float
    part: _Part | None = None
    """Where it is counted once it is known to have started by then; `None` before."""


class RateWindow:
    """Lets at most `budget` start in every window of `length_s` seconds, and that evenly.

    When a call has started, as the other side sees it, is known within bounds: after its
    reservation, and before `latest_s` or its end, whichever is earlier. It leaves the window when
    that has passed by `length_s`, so that the budget holds wherever in between it was. An idle time
    is not followed by a burst. Times are those of the caller's clock, in seconds.
    """

    def __init__(self, budget: float, length_s: float) -> None:
        self.budget = budget
        self.length_s = length_s
        self._used = 0.0
        self._next_s = 0.0
        """Before that nothing starts, for evenness."""
        self._parts: deque[_Part] = deque()
        self._open: list[tuple[float, int, Reservation]] = []
        """A heap of reservations by the time by which they have started."""
        self._num_open = 0
        self._tickets = itertools.count()

    def delay_s(self, amount: float, now_s: float) -> float:
        """Return for how many seconds `amount` has to wait at least; 0 when it may start now."""
        if not amount:
            return 0.0
        self._advance(now_s)
        delay_s = max(0.0, self._next_s - now_s)
        too_much = self._used + amount - self.budget * (1 + ROUNDING)
        if too_much > 0:
            delay_s = max(delay_s, self._free_in_s(too_much, now_s))
        return delay_s + TICK_S if delay_s else 0.0

    def reserve(self, amount: float, now_s: float, latest_s: float) -> Reservation:
        """Count a call that starts from now on, and by `latest_s` (infinite: by its end)."""
        self._advance(now_s)
        reservation = Reservation(amount)
        self._used += amount
        self._num_open += 1
        if latest_s < float("inf"):
            heapq.heappush(self._open, (latest_s, next(self._tickets), reservation))
        self._next_s = max(self._next_s, now_s) + self._even_s(amount)
        return reservation

    def settle(self, reservation: Reservation, amount: float, now_s: float) -> None:
        """Count a call that has ended as `amount`; as 0 when it has not begun."""
        self._advance(now_s)
        change = amount - reservation.amount
        part = reservation.part
        if part is None:
            reservation.amount = amount
            self._used += change
            self._place(reservation, now_s)
        elif part.ended_s + self.length_s > now_s:
            part.amount += change
            self._used += change
        self._next_s += self._even_s(change)

    def _even_s(self, amount: float) -> float:
        return amount * self.length_s / self.budget

    def _free_in_s(self, amount: float, now_s: float) -> float:
        """Return in how many seconds so much will have left the window, as far as is known."""
        for part in self._parts:
            amount -= part.amount
            if amount <= 0:
                return part.ended_s + self.length_s - now_s
        return LOOK_AGAIN_S

    def _advance(self, now_s: float) -> None:
        """Take in what has started for certain by now, and drop what has left the window."""
        while self._open and self._open[0][0] <= now_s:
            latest_s, _, reservation = heapq.heappop(self._open)
            if reservation.part is None:
                self._place(reservation, latest_s)
        while self._parts and self._parts[0].ended_s + self.length_s <= now_s:
            self._used -= self._parts.popleft().amount
        if not self._parts and not self._num_open:
            self._used = 0.0  # sums of fractions do not come back to 0 by themselves

    def _place(self, reservation: Reservation, time_s: float) -> None:
        """Count a reservation as started at a time, or just after where others were counted."""
        self._num_open -= 1
        last = self._parts[-1] if self._parts else None
        time_s = time_s if last is None else max(time_s, last.ended_s)
        if last is None or time_s - last.began_s > self.length_s / PARTS:
            last = _Part(time_s, time_s, 0.0)
            self._parts.append(last)
        last.ended_s = time_s
        last.amount += reservation.amount
        reservation.part = last
