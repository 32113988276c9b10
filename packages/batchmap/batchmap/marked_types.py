"""The types of values that `marked_json` knows beside JSON's own: how each is written and read."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

__all__ = [
    "MARKED_TYPES",
    "NANOSECOND_TYPES",
    "READERS",
    "WRITERS",
    "Reader",
    "base64_text",
    "bytes_of",
    "nanosecond_parts",
    "with_nanoseconds",
    "zone_name",
]

Reader = Callable[[dict[str, Any]], Any]
"""Takes a marked value, whose parts are by name, and returns the value."""


def base64_text(data: bytes) -> str:
    """Return bytes as text."""
    return b64encode(data).decode()


def bytes_of(parts: dict[str, Any]) -> bytes:
    """Return the bytes whose text is the value; raises `ValueError` for text that is none."""
    return b64decode(parts["value"], validate=True)


def zone_name(zone: tzinfo | None) -> Any:
    """Return what says which time zone it is: a name, or seconds from UTC."""
    if zone is None:
        return None
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if isinstance(name, str):
        return name
    offset = zone.utcoffset(None)
    if offset is None:
        raise ValueError(f"the time zone {zone!r:.60} has no form in JSON")
    return offset.total_seconds()


def _zone_of(said: Any) -> tzinfo | None:
    if said is None or isinstance(said, str):
        return None if said is None else ZoneInfo(said)
    return UTC if said == 0 else timezone(timedelta(seconds=said))


def _moment(value: datetime | time) -> list[Any]:
    return [value.replace(tzinfo=None).isoformat(), zone_name(value.tzinfo), value.fold]


def _datetime_of(parts: list[Any]) -> datetime:
    text, zone, fold = parts
    return datetime.fromisoformat(text).replace(tzinfo=_zone_of(zone), fold=fold)


def _time_of(parts: list[Any]) -> time:
    text, zone, fold = parts
    return time.fromisoformat(text).replace(tzinfo=_zone_of(zone), fold=fold)


_Writer = Callable[[Any], Any]
WRITERS: dict[type, tuple[str, _Writer]] = {
    bytes: ("bytes", base64_text),
    bytearray: ("bytearray", base64_text),
    memoryview: ("bytes", lambda value: base64_text(bytes(value))),
    complex: ("complex", lambda value: [repr(value.real), repr(value.imag)]),
    Decimal: ("decimal", str),
    Fraction: ("fraction", str),
    UUID: ("uuid", str),
    date: ("date", date.isoformat),
    datetime: ("datetime", _moment),
    time: ("time", _moment),
    timedelta: ("timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
    range: ("range", lambda value: [value.start, value.stop, value.step]),
    PurePosixPath: ("pure_posix_path", str),
    PureWindowsPath: ("pure_windows_path", str),
    type(Path()): ("path", str),
    **{
        type(make(text)): (name, str)
        for name, make, texts in (
            ("ip_address", ip_address, ("0.0.0.0", "::")),
            ("ip_interface", ip_interface, ("0.0.0.0", "::")),
            ("ip_network", ip_network, ("0.0.0.0", "::")),
        )
        for text in texts
    },
}


NANOSECOND_TYPES = {
    "NanosecondDatetime": "to_datetime",
    "NanosecondTime": "to_time",
    "NanosecondTimedelta": "to_timedelta",
}
"""The classes of `batchmap.arrow`, and the method that cuts a value off at the microsecond."""


def nanosecond_parts(value: Any) -> tuple[Any, int]:
    """Return a value of `NANOSECOND_TYPES` to the microsecond, and its digits beyond."""
    plain = getattr(value, NANOSECOND_TYPES[type(value).__name__])()
    return plain, getattr(value, "nanoseconds" if isinstance(value, timedelta) else "nanosecond")


def with_nanoseconds(plain: Any, more: int) -> Any:
    """Return what `nanosecond_parts` was given."""
    arrow = import_module("batchmap.arrow")
    for kind, name in ((datetime, "Datetime"), (time, "Time"), (timedelta, "Timedelta")):
        if isinstance(plain, kind):
            return getattr(arrow, f"Nanosecond{name}").of(plain, more)
    raise ValueError("it is no time")


def _numpy_of(parts: dict[str, Any]) -> Any:
    numpy = import_module("numpy")
    array = numpy.frombuffer(bytes_of(parts), numpy.dtype(parts["dtype"])).copy()
    shape = parts["shape"]
    return array[0] if shape is None else array.reshape(shape)


def _timestamp_of(parts: dict[str, Any]) -> Any:
    pandas = import_module("pandas")
    moment = pandas.Timestamp(import_module("numpy").datetime64(parts["value"], parts["unit"]))
    zone = _zone_of(parts["zone"])
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone)


def _duration_of(parts: dict[str, Any]) -> Any:
    numpy = import_module("numpy")
    return import_module("pandas").Timedelta(numpy.timedelta64(parts["value"], parts["unit"]))


_MISSING = {"NaT": "NaT", "NA": "NA"}

READERS: dict[str, Reader] = {
    "int": lambda parts: int(parts["value"], 16),
    "float": lambda parts: float(parts["value"]),
    "bytes": bytes_of,
    "bytearray": lambda parts: bytearray(bytes_of(parts)),
    "complex": lambda parts: complex(*map(float, parts["value"])),
    "decimal": lambda parts: Decimal(parts["value"]),
    "fraction": lambda parts: Fraction(parts["value"]),
    "uuid": lambda parts: UUID(parts["value"]),
    "date": lambda parts: date.fromisoformat(parts["value"]),
    "datetime": lambda parts: _datetime_of(parts["value"]),
    "time": lambda parts: _time_of(parts["value"]),
    "timedelta": lambda parts: timedelta(*parts["value"]),
    "range": lambda parts: range(*parts["value"]),
    "path": lambda parts: Path(parts["value"]),
    "pure_posix_path": lambda parts: PurePosixPath(parts["value"]),
    "pure_windows_path": lambda parts: PureWindowsPath(parts["value"]),
    "ip_address": lambda parts: ip_address(parts["value"]),
    "ip_interface": lambda parts: ip_interface(parts["value"]),
    "ip_network": lambda parts: ip_network(parts["value"]),
    "numpy": _numpy_of,
    "pandas": lambda parts: getattr(
        import_module("pandas"), {"NaT": "NaT", "NA": "NA"}[parts["value"]]
    ),
    "pandas.Timestamp": _timestamp_of,
    "pandas.Timedelta": _duration_of,
    "pyarrow.MonthDayNano": lambda parts: import_module("pyarrow").MonthDayNano(parts["value"]),
}

MARKED_TYPES = (*WRITERS, set, frozenset)
"""The types that are marked with their own names, beside numbers that JSON has no digits for."""
