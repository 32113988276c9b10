"""Datetimes and times of day with nanoseconds, which Python's own would cut off.

Each is a subclass of Python's that has the digits beyond the microsecond as `nanosecond`, from
0 to 999, as in pandas. Comparisons, sums, text and pickles keep them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, SupportsIndex

from batchmap.arrow.durations import (
    Compared,
    beyond,
    checked,
    duration_nanoseconds,
    plain_timedelta,
    timedelta_of,
    with_digits,
)

__all__ = [
    "NanosecondDatetime",
    "NanosecondTime",
    "datetime_of",
    "nanoseconds_of",
    "time_of",
]

_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)


class NanosecondDatetime(Compared, datetime):
    """A datetime with nanoseconds: `NanosecondDatetime.of(datetime(2024, 5, 6), 7)`."""

    __slots__ = ("nanosecond",)
    nanosecond: int
    """The digits beyond the microsecond, from 0 to 999."""

    def __new__(cls, *args: Any, nanosecond: int = 0, **named: Any) -> NanosecondDatetime:
        made = super().__new__(cls, *args, **named)
        made.nanosecond = checked(nanosecond)
        return made

    @classmethod
    def of(cls, moment: datetime, nanosecond: int) -> NanosecondDatetime:
        """Return `moment` with so many nanoseconds beyond the microsecond."""
        return cls(
            *moment.timetuple()[:6],
            moment.microsecond,
            moment.tzinfo,
            fold=moment.fold,
            nanosecond=nanosecond,
        )

    def to_datetime(self) -> datetime:
        """Return it cut off at the microsecond."""
        return datetime.combine(self.date(), super().timetz())

    def timetz(self) -> time:
        return NanosecondTime.of(super().timetz(), self.nanosecond)

    def time(self) -> time:
        return NanosecondTime.of(super().time(), self.nanosecond)

    def astimezone(self, tz: tzinfo | None = None) -> NanosecondDatetime:
        return NanosecondDatetime.of(self.to_datetime().astimezone(tz), self.nanosecond)

    def replace(self, *args: Any, nanosecond: int | None = None, **named: Any) -> Any:
        more = self.nanosecond if nanosecond is None else nanosecond
        return NanosecondDatetime.of(self.to_datetime().replace(*args, **named), more)

    def __add__(self, other: timedelta) -> Any:
        if not isinstance(other, timedelta):
            return NotImplemented
        carry, more = divmod(self.nanosecond + beyond(other), 1000)
        moment = self.to_datetime() + (plain_timedelta(other) + timedelta(microseconds=carry))
        return NanosecondDatetime.of(moment, more) if more else moment

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, datetime):
            return _difference(self, other)
        return self + -other if isinstance(other, timedelta) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return _difference(other, self) if isinstance(other, datetime) else NotImplemented

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        text = self.to_datetime().isoformat(sep, timespec)
        if timespec != "auto" or not self.nanosecond:
            return text
        return with_digits(text, self.microsecond, self.nanosecond)

    def __repr__(self) -> str:
        return f"NanosecondDatetime.of({self.to_datetime()!r}, {self.nanosecond})"

    def __str__(self) -> str:
        return self.isoformat(" ")

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return NanosecondDatetime.of, (self.to_datetime(), self.nanosecond)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.__reduce_ex__(2)


class NanosecondTime(Compared, time):
    """A time of day with nanoseconds."""

    __slots__ = ("nanosecond",)
    nanosecond: int
    """The digits beyond the microsecond, from 0 to 999."""

    def __new__(cls, *args: Any, nanosecond: int = 0, **named: Any) -> NanosecondTime:
        made = super().__new__(cls, *args, **named)
        made.nanosecond = checked(nanosecond)
        return made

    @classmethod
    def of(cls, moment: time, nanosecond: int) -> NanosecondTime:
        """Return `moment` with so many nanoseconds beyond the microsecond."""
        parts = moment.hour, moment.minute, moment.second, moment.microsecond
        return cls(*parts, moment.tzinfo, fold=moment.fold, nanosecond=nanosecond)

    def to_time(self) -> time:
        """Return it cut off at the microsecond."""
        parts = self.hour, self.minute, self.second, self.microsecond
        return time(*parts, self.tzinfo, fold=self.fold)

    def replace(self, *args: Any, nanosecond: int | None = None, **named: Any) -> Any:
        more = self.nanosecond if nanosecond is None else nanosecond
        return NanosecondTime.of(self.to_time().replace(*args, **named), more)

    def isoformat(self, timespec: str = "auto") -> str:
        text = self.to_time().isoformat(timespec)
        if timespec != "auto" or not self.nanosecond:
            return text
        return with_digits(text, self.microsecond, self.nanosecond)

    def __repr__(self) -> str:
        return f"NanosecondTime.of({self.to_time()!r}, {self.nanosecond})"

    def __str__(self) -> str:
        return self.isoformat()

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return NanosecondTime.of, (self.to_time(), self.nanosecond)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.__reduce_ex__(2)


def datetime_of(nanoseconds: int, zone: tzinfo | None = None) -> datetime:
    """Return the moment so long after 1970, in a zone; one of Python's where that holds it.

    Raises `OverflowError` for a moment beyond the years of Python.
    """
    microseconds, more = divmod(nanoseconds, 1000)
    if zone is None:
        moment = _EPOCH + timedelta(microseconds=microseconds)
    else:
        moment = (_EPOCH_UTC + timedelta(microseconds=microseconds)).astimezone(zone)
    return NanosecondDatetime.of(moment, more) if more else moment


def time_of(nanoseconds: int) -> time:
    """Return the time of day so long after midnight; raises `ValueError` for none of a day."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    microseconds, more = divmod(rest, 1000)
    found = time(seconds // 3600, seconds // 60 % 60, seconds % 60, microseconds)
    return NanosecondTime.of(found, more) if more else found


def nanoseconds_of(value: Any) -> int:
    """Return the nanoseconds of a duration, since midnight, or since 1970: in UTC, or naive."""
    if isinstance(value, datetime):
        value = _difference(value, _EPOCH if value.utcoffset() is None else _EPOCH_UTC)
    elif isinstance(value, time):
        seconds = 3600 * value.hour + 60 * value.minute + value.second
        return (seconds * 1_000_000 + value.microsecond) * 1000 + beyond(value)
    return duration_nanoseconds(value)


def _difference(later: datetime, sooner: datetime) -> timedelta:
    plain = _plain_datetime(later) - _plain_datetime(sooner)
    return timedelta_of(duration_nanoseconds(plain) + beyond(later) - beyond(sooner))


def _plain_datetime(moment: datetime) -> datetime:
    plain = date(moment.year, moment.month, moment.day)
    parts = moment.hour, moment.minute, moment.second, moment.microsecond
    return datetime.combine(plain, time(*parts, moment.tzinfo, fold=moment.fold))
