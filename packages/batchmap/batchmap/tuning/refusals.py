"""What refusals tell of how many calls the other side bears at once."""

from __future__ import annotations

import math

__all__ = ["Refusals"]

BACKS_OFF_BY, YIELDS_BY = 0.95, 0.7
"""By this factor the limit falls when a call is refused: after it had grown, or though it had not,
as when others share the other side."""

RETURNS_TO = 0.97
"""After that, the limit comes back to this share of what was borne. Runs that share the other side
come to equal shares by it: of a larger limit, it is more."""

CALLS_A_REFUSAL, ROUNDS_A_REFUSAL, MOST_ROUNDS = 130, 12, 20
"""After a refusal, no more than were borne are tried before so many calls have ended for each of
those that were refused lately, and so many rounds; but after so many rounds, or as many calls as
there were so far, in any case: of a small limit so many calls are many rounds, and of the runs that
share the other side, the one that has least of it would wait longest."""

PROBES_BY = 32
"""Then the limit grows a round by at most this part of it."""


class Refusals:
    """The number of calls at which the other side refused some, and when more are tried again."""

    def __init__(self) -> None:
        self.ceiling = math.inf
        """The most that were in flight when a call was refused; infinite where that is unknown."""
        self._proven = 0.0
        """The highest limit with which a round went by without a refusal."""
        self._since_s, self._from = -math.inf, 0.0
        """When the limit was lowered last, and from how many in flight."""
        self._refused_then = 0
        """How many calls that began before were refused."""
        self._done = self._done_since = 0
        """How many have ended well, in all and since then."""
        self._owed = self._owed_then = 0.0
        """How many have to end before more are tried than the other side has borne; and how many
        they were at the last refusal."""

    @property
    def text(self) -> str:
        """At how many it was, in words."""
        return f"with {self._from:,.0f}, the other side refused some"

    @property
    def returns_to(self) -> float:
        """The limit that is come back to; infinite where no call was refused."""
        return max(1.0, RETURNS_TO * (self.ceiling - 1))

    def note_done(self) -> None:
        """Note that a call has ended well."""
        self._done += 1
        self._done_since += 1
        self._owed = max(0.0, self._owed - 1)

    def note_round(self, limit: float) -> None:
        """Note that a round with this limit, all of it used, went by."""
        self._proven = max(self._proven, limit)

    def note_refusal(
        self, started_s: float, now_s: float, *, limit: float, in_flight: int, had_grown: bool
    ) -> float:
        """Return the limit after a refusal of a call that began then, of those `in_flight`."""
        if started_s < self._since_s:
            limit = self._again(limit)
        else:
            had_grown |= self._done_since < 2 * self._from or limit > self._proven
            self._since_s, self._refused_then, self._done_since = now_s, 1, 0
            self._from = float(min(in_flight, int(limit)))
            self.ceiling = self._from
            limit = BACKS_OFF_BY * self._from
            if not had_grown:
                self.ceiling *= (1 + YIELDS_BY) / 2
                self._proven = min(self._proven, self.ceiling)
                limit = YIELDS_BY * self._from
        owed = self._owed + max(CALLS_A_REFUSAL, ROUNDS_A_REFUSAL * limit)
        self._owed = min(owed, MOST_ROUNDS * max(1.0, limit), self._done)
        self._owed_then = self._owed
        return limit

    def _again(self, limit: float) -> float:
        """Follow a refusal of a call from before the limit was lowered: the others are borne."""
        self._refused_then += 1
        borne = self._from - self._refused_then
        if borne < self._from / 2:  # others have it, and it is unknown what they leave
            self.ceiling, self._proven = math.inf, 0.0
        else:
            self.ceiling = min(self.ceiling, borne + 1)
        return min(limit, borne)

    def step(self, limit: float, free_rounds: int) -> float:
        """Return by how much the limit may grow after so many rounds in which it has grown."""
        if limit < self.returns_to - 0.5:
            gap = self.returns_to - limit
            return min(gap, max(1.0, gap / 2))
        if limit < self.ceiling - 1 and self._owed <= self._owed_then / 2:
            return self.ceiling - 1 - limit  # nobody else has taken what was left to them
        if self._owed and limit <= self.ceiling:
            return 0.0
        return float(min(2.0**free_rounds, max(1.0, limit / PROBES_BY)))
