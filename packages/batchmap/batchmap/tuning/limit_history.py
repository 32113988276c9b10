"""How many items were allowed at once over time, of which some hundred changes are kept."""

from __future__ import annotations

from batchmap.clock import Clock

__all__ = ["LimitHistory"]

MOST_CHANGES = 400
"""Where there are more, every second one is forgotten."""


class LimitHistory:
    """The limits that were in force, each from a moment on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_s = clock.now()
        self._changes: list[tuple[float, int]] = []
        self.most = 1
        """The highest of them."""

    def add(self, limit: int) -> None:
        """Note the limit that is in force from now on."""
        if self._changes and self._changes[-1][1] == limit:
            return
        self.most = max(self.most, limit)
        self._changes.append((self._clock.now() - self._began_s, limit))
        if len(self._changes) > MOST_CHANGES:
            del self._changes[1:-1:2]

    def changes(self) -> tuple[tuple[float, int], ...]:
        """Return since when, in seconds, which limit was in force."""
        return tuple((round(at_s, 3), limit) for at_s, limit in self._changes)

    def usual(self) -> int:
        """Return the median over the later half of the time so far."""
        now_s = self._clock.now() - self._began_s
        half_s = now_s / 2
        ends_s = [at_s for at_s, _ in self._changes[1:]] + [now_s]
        spans = sorted(
            (limit, end_s - max(at_s, half_s))
            for (at_s, limit), end_s in zip(self._changes, ends_s, strict=True)
            if end_s > half_s
        )
        left_s = sum(span_s for _, span_s in spans) / 2
        for limit, span_s in spans:
            left_s -= span_s
            if left_s <= 0:
                return limit
        return self._changes[-1][1]
