"""Tells whether the errors of calls have become frequent, by what they were before.

An API of which one call in twenty fails whoever asks is not overloaded; that errors are more than
they usually were is what shows that it may be.
"""

from __future__ import annotations

import math

__all__ = ["ErrorShare"]

FREQUENT, FREQUENT_OF = 0.1, 20
"""Errors are not frequent below this share of the calls of late, nor of fewer calls."""

USUAL_ERRORS, USUAL_CALLS = 2, 40
"""What is usual before anything is known: so many errors of so many calls."""

DEVIATIONS = 4.0
"""By so many standard deviations of a binomial distribution there are more of them than usual."""

LATELY, REMEMBERED = 100, 1000
"""How many calls are of late at most, and how many of those before are remembered."""


class ErrorShare:
    """How many calls fail with an error that may show an overload: of late, and before that."""

    def __init__(self) -> None:
        self._calls = self._errors = 0
        """Of late."""
        self._usual_calls, self._usual_errors = float(USUAL_CALLS), float(USUAL_ERRORS)

    def add(self, is_error: bool) -> bool:
        """Take in a call that has ended; return whether errors have become frequent with it."""
        self._calls += 1
        self._errors += is_error
        if is_error and self._are_frequent():
            self._take_for_usual(self._calls, self._errors)
            return True
        if self._calls >= LATELY:
            self._take_for_usual(self._calls // 2, self._errors // 2)
        return False

    def _are_frequent(self) -> bool:
        calls, usual = self._calls, self._usual_errors / self._usual_calls
        if calls < FREQUENT_OF or self._errors < FREQUENT * calls:
            return False
        deviation = math.sqrt(calls * usual * (1 - usual))
        return self._errors > calls * usual + DEVIATIONS * deviation

    def _take_for_usual(self, calls: int, errors: int) -> None:
        self._calls -= calls
        self._errors -= errors
        self._usual_calls += calls
        self._usual_errors += errors
        if self._usual_calls > REMEMBERED:
            self._usual_calls /= 2
            self._usual_errors /= 2
