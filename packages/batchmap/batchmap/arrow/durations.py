"""Durations with nanoseconds, and how values are compared that have them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, SupportsIndex

__all__ = [
    "Compared",
    "NanosecondTimedelta",
    "beyond",
    "checked",
    "duration_nanoseconds",
    "plain_timedelta",
    "timedelta_of",
    "with_digits",
]


def beyond(value: Any) -> int:
    """Return the nanoseconds beyond the microsecond, of any class that has them."""
    found = getattr(value, "nanosecond", None)
    return int(getattr(value, "nanoseconds", 0) if found is None else found)


def checked(more: int) -> int:
    """Return nanoseconds beyond a microsecond; raises `ValueError` for more than there are."""
    if not 0 <= more < 1000:
        raise ValueError(f"nanoseconds must be from 0 to 999, got {more}")
    return more


def with_digits(text: str, microsecond: int, more: int) -> str:
    """Return ISO text of a time to the second or microsecond with nine digits after the second."""
    end = text.index(".") + 7 if microsecond else text.index(":") + 6
    return f"{text[:end]}{'' if microsecond else '.000000'}{more:03}{text[end:]}"


class Compared:
    """Compares the nanoseconds of what is equal up to the microsecond."""

    __slots__ = ()

    def __eq__(self, other: object) -> Any:
        equal = super().__eq__(other)
        return beyond(self) == beyond(other) if equal is True else equal

    def __ne__(self, other: object) -> Any:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __lt__(self, other: Any) -> Any:
        less = super().__lt__(other)  # type: ignore[misc]
        return beyond(self) < beyond(other) if super().__eq__(other) is True else less

    def __le__(self, other: Any) -> Any:
        less = super().__le__(other)  # type: ignore[misc]
        return beyond(self) <= beyond(other) if super().__eq__(other) is True else less

    def __gt__(self, other: Any) -> Any:
        more = super().__gt__(other)  # type: ignore[misc]
        return beyond(self) > beyond(other) if super().__eq__(other) is True else more

    def __ge__(self, other: Any) -> Any:
        more = super().__ge__(other)  # type: ignore[misc]
        return beyond(self) >= beyond(other) if super().__eq__(other) is True else more

    def __hash__(self) -> int:
        more = beyond(self)
        return hash((super().__hash__(), more)) if more else super().__hash__()


class NanosecondTimedelta(Compared, timedelta):
    """A duration with nanoseconds; a product with a fraction is one to the microsecond.

    Added to a plain datetime, it counts to the microsecond, as Python's own class decides there.
    """

    __slots__ = ("nanoseconds",)
    nanoseconds: int
    """The digits beyond the microsecond, from 0 to 999, and never negative."""

    def __new__(cls, *args: Any, nanoseconds: int = 0, **named: Any) -> NanosecondTimedelta:
        made = super().__new__(cls, *args, **named)
        made.nanoseconds = checked(nanoseconds)
        return made

    @classmethod
    def of(cls, duration: timedelta, nanoseconds: int) -> NanosecondTimedelta:
        """Return `duration` with so many nanoseconds beyond the microsecond."""
        parts = duration.days, duration.seconds, duration.microseconds
        return cls(*parts, nanoseconds=nanoseconds)

    def to_timedelta(self) -> timedelta:
        """Return it cut off at the microsecond, towards the past."""
        return plain_timedelta(self)

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, timedelta):
            return NotImplemented
        return timedelta_of(duration_nanoseconds(self) + duration_nanoseconds(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + -other if isinstance(other, timedelta) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return -self + other if isinstance(other, timedelta) else NotImplemented

    def __neg__(self) -> Any:
        return timedelta_of(-duration_nanoseconds(self))

    def __abs__(self) -> Any:
        return timedelta_of(abs(duration_nanoseconds(self)))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, int):
            return timedelta_of(duration_nanoseconds(self) * other)
        return self.to_timedelta() * other

    __rmul__ = __mul__

    def __bool__(self) -> bool:
        return duration_nanoseconds(self) != 0

    def total_seconds(self) -> float:
        return duration_nanoseconds(self) / 1e9

    def __repr__(self) -> str:
        return f"NanosecondTimedelta.of({self.to_timedelta()!r}, {self.nanoseconds})"

    def __str__(self) -> str:
        return with_digits(str(self.to_timedelta()), self.microseconds, self.nanoseconds)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return NanosecondTimedelta.of, (self.to_timedelta(), self.nanoseconds)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.__reduce_ex__(2)


def timedelta_of(nanoseconds: int) -> timedelta:
    """Return the duration, one of Python's where that holds it."""
    microseconds, more = divmod(nanoseconds, 1000)
    found = timedelta(microseconds=microseconds)
    return NanosecondTimedelta.of(found, more) if more else found


def duration_nanoseconds(duration: timedelta) -> int:
    """Return how many nanoseconds a duration is."""
    seconds = 86_400 * duration.days + duration.seconds
    return (seconds * 1_000_000 + duration.microseconds) * 1000 + beyond(duration)


def plain_timedelta(duration: timedelta) -> timedelta:
    """Return a duration as one of Python's, cut off at the microsecond."""
    return timedelta(duration.days, duration.seconds, duration.microseconds)
