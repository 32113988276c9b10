"""Results of many types, through each format and back: the value, its form, or its failure."""

from __future__ import annotations

import array
import csv
import io
import json
import math
import sqlite3
import threading
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections import namedtuple as make_namedtuple
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from fractions import Fraction
from ipaddress import ip_address, ip_network
from pathlib import Path, PurePosixPath
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pytest
from batchmap.lone_surrogates import unescape
from batchmap.marked_json import unmarked
from batchmap.sinks import Sink, open_sink
from batchmap.storage.table_output import TableOutput
from batchmap.storage.table_url import table_url
from pydantic import AnyUrl, BaseModel, RootModel, SecretStr

from tests.sink_results import encoded


class Colour(Enum):
    RED = "red"
    PAIR = (1, 2)


class Size(IntEnum):
    BIG = 3


class Word(StrEnum):
    A = "a"


class Bits(Flag):
    ONE = 1


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


class Place(NamedTuple):
    x: int
    y: str = "b"


Pair = make_namedtuple("Pair", "a b")


@dataclass
class Point:
    x: int
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Slotted:
    x: float


@attrs.define
class Attrs:
    x: int
    inner: Any = None


class Score(BaseModel):
    score: float
    label: str = "a"


class Report(BaseModel):
    at: datetime
    price: Decimal
    scores: list[Score]
    colour: Colour = Colour.RED


class Linked(BaseModel):
    url: AnyUrl
    key: SecretStr


class Bytes(BaseModel):
    data: bytes


class Plain:
    def __init__(self, x: int) -> None:
        self.x = x


def sqlite_row(query: str) -> Any:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query).fetchone()


NOW = datetime(2024, 5, 6, 7, 8, 9, 10)
NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
ISO, NOON_ISO = "2024-05-06T07:08:09.000010", "2024-05-06T12:00:00+00:00"
ID = UUID(int=1)
NAN = math.nan

FAILS = object()
"""Instead of a form: the result is in the item's failure."""
SAME = object()
"""The form in JSON: the value itself; in CSV, Parquet and SQLite: that of JSON."""

# Each result with its form in JSON, CSV, Parquet and SQLite. CSV's is the row by column, as text;
# for `SAME`, that of an object or of the column `result`.
RESULTS: list[tuple[Any, Any, Any, Any, Any]] = [
    # JSON's own
    *((one, SAME, SAME, SAME, SAME) for one in (
        True, False, 0, -1, 2**62, 1.5, -0.0, 1e300, 5e-324, "text", "a,b", 'say "x"', "a\nb",
        "a\r\nb", "\u2028", "ä€😀", "\x00", " lead", "007", "1e5", "null", "=1+1", "x" * 100_000,
        {"a": 1}, {"a": None, "b": "x"}, {"a b": 1}, {"ä": 1}, {"ä": 1, "Ä": 2},
        {"a": {"b": {"c": [1]}}},
        {"a": [1, 2]}, {"a": [{"b": 1}, {"b": 2}]}, [1, 2], ["a"], [[1], [2]], [{"a": 1}],
        [None, 1],
    )),
    ("", SAME, {"result": ""}, SAME, SAME),
    (None, SAME, {"result": ""}, SAME, SAME),
    ({}, SAME, {"result": ""}, FAILS, FAILS),
    ([], SAME, SAME, SAME, SAME),
    ([1, "a"], SAME, SAME, FAILS, SAME),
    ({"_extra": 1, "a": 2}, SAME, {"a": "2", "_extra": '{"_extra": 1}'}, SAME, SAME),
    (10**30, SAME, SAME, FAILS, FAILS),
    (-(2**63), SAME, SAME, SAME, SAME),
    (2**63, SAME, SAME, SAME, FAILS),
    (10**5000, FAILS, FAILS, FAILS, FAILS),
    # Numbers that are none
    (NAN, None, {"result": "nan"}, NAN, SAME),
    (math.inf, None, {"result": "inf"}, math.inf, math.inf),
    ({"score": NAN}, {"score": None}, {"score": "nan"}, {"score": NAN}, SAME),
    ({"s": [1.0, NAN]}, {"s": [1.0, None]}, SAME, {"s": [1.0, NAN]}, SAME),
    (np.float64("nan"), None, {"result": "nan"}, NAN, SAME),
    (np.datetime64("NaT"), None, {"result": ""}, None, SAME),
    # Text that is none
    ("\udcff", SAME, SAME, FAILS, SAME),
    ("\ud83d\ude00", SAME, SAME, FAILS, SAME),
    ({"\udcff": 1}, SAME, SAME, FAILS, SAME),
    # Numbers
    (Decimal("1.10"), "1.10", SAME, Decimal("1.10"), SAME),
    ({"p": Decimal("-3.00")}, {"p": "-3.00"}, SAME, {"p": Decimal("-3.00")}, SAME),
    (Decimal("NaN"), "NaN", SAME, FAILS, SAME),
    (Fraction(1, 3), FAILS, FAILS, FAILS, FAILS),
    (1j, FAILS, FAILS, FAILS, FAILS),
    (Whole(5), 5, SAME, 5, SAME),
    (Text("a"), "a", SAME, "a", SAME),
    # Times
    (date(2024, 5, 6), "2024-05-06", SAME, date(2024, 5, 6), SAME),
    (NOW, ISO, SAME, NOW, SAME),
    (NOON, NOON_ISO, SAME, NOON, SAME),
    (NOON.astimezone(timezone(timedelta(hours=2))), "2024-05-06T14:00:00+02:00", SAME, NOON, SAME),
    (NOON.astimezone(ZoneInfo("Europe/Berlin")), "2024-05-06T14:00:00+02:00", SAME, NOON, SAME),
    (time(7, 8), "07:08:00", SAME, time(7, 8), SAME),
    (time(7, 8, tzinfo=UTC), "07:08:00+00:00", SAME, FAILS, SAME),
    (timedelta(hours=1), "PT3600S", SAME, timedelta(hours=1), SAME),
    (timedelta(days=-1), "-P1DT0S", SAME, timedelta(days=-1), SAME),
    (np.datetime64("2024-05-06"), "2024-05-06", SAME, date(2024, 5, 6), SAME),
    (np.timedelta64(1, "s"), "PT1S", SAME, timedelta(seconds=1), SAME),
    (ZoneInfo("Europe/Berlin"), "Europe/Berlin", SAME, SAME, SAME),
    # Enumerations, identifiers, paths, addresses
    (Colour.RED, "red", SAME, SAME, SAME),
    (Colour.PAIR, [1, 2], SAME, SAME, SAME),
    (Size.BIG, 3, SAME, SAME, SAME),
    (Word.A, "a", SAME, SAME, SAME),
    (Bits.ONE, 1, SAME, SAME, SAME),
    ({"c": Colour.RED}, {"c": "red"}, SAME, SAME, SAME),
    (ID, str(ID), SAME, SAME, SAME),
    (PurePosixPath("a/b"), "a/b", SAME, SAME, SAME),
    (Path("a"), "a", SAME, SAME, SAME),
    (ip_address("10.0.0.1"), "10.0.0.1", SAME, SAME, SAME),
    (ip_network("10.0.0.0/8"), "10.0.0.0/8", SAME, SAME, SAME),
    # Objects
    (Point(1, ["a"]), {"x": 1, "tags": ["a"]}, SAME, SAME, SAME),
    (Slotted(0.5), {"x": 0.5}, SAME, SAME, SAME),
    ({"p": Point(1, ["b"])}, {"p": {"x": 1, "tags": ["b"]}}, SAME, SAME, SAME),
    (Place(1), {"x": 1, "y": "b"}, SAME, SAME, SAME),
    (Pair(1, 2), {"a": 1, "b": 2}, SAME, SAME, SAME),
    ([Pair(1, 2)], [{"a": 1, "b": 2}], SAME, SAME, SAME),
    (Attrs(1, Attrs(2)), {"x": 1, "inner": {"x": 2, "inner": None}}, SAME, SAME, SAME),
    (Score(score=0.5), {"score": 0.5, "label": "a"}, SAME, SAME, SAME),
    (Score(score=NAN), {"score": None, "label": "a"}, {"score": "nan", "label": "a"},
     {"score": NAN, "label": "a"}, SAME),
    (Report(at=NOON, price=Decimal("1.5"), scores=[Score(score=1)]),
     {"at": NOON_ISO, "price": "1.5", "scores": [{"score": 1.0, "label": "a"}], "colour": "red"},
     SAME,
     {"at": NOON, "price": Decimal("1.5"), "scores": [{"score": 1.0, "label": "a"}],
      "colour": "red"}, SAME),
    (Linked(url=AnyUrl("https://a.b/c"), key=SecretStr("secret")),
     {"url": "https://a.b/c", "key": "**********"}, SAME, SAME, SAME),
    (RootModel[list[int]]([1, 2]), [1, 2], SAME, SAME, SAME),
    ([Score(score=1)], [{"score": 1.0, "label": "a"}], SAME, SAME, SAME),
    (SimpleNamespace(a=1), {"a": 1}, SAME, SAME, SAME),
    # Containers
    ((1, 2), [1, 2], SAME, SAME, SAME),
    ((1, (2,)), [1, [2]], SAME, FAILS, SAME),
    (OrderedDict(b=1, a=2), {"b": 1, "a": 2}, SAME, SAME, SAME),
    (defaultdict(list, a=[1]), {"a": [1]}, SAME, SAME, SAME),
    (Counter("aab"), {"a": 2, "b": 1}, SAME, SAME, SAME),
    (MappingProxyType({"a": 1}), {"a": 1}, SAME, SAME, SAME),
    (UserDict(a=1), {"a": 1}, SAME, SAME, SAME),
    (ChainMap({"a": 1}), {"a": 1}, SAME, SAME, SAME),
    ({3, 1, 2}, [1, 2, 3], SAME, SAME, SAME),
    (frozenset("ba"), ["a", "b"], SAME, SAME, SAME),
    (deque([1, 2]), [1, 2], SAME, SAME, SAME),
    (UserList([1]), [1], SAME, SAME, SAME),
    (range(3), [0, 1, 2], SAME, SAME, SAME),
    (array.array("d", [0.5]), [0.5], SAME, SAME, SAME),
    ({"a": 1}.keys(), ["a"], SAME, SAME, SAME),
    ({"a": 1}.values(), [1], SAME, SAME, SAME),
    ({1: "a", 2: "b"}, {"1": "a", "2": "b"}, SAME, SAME, SAME),
    ({None: 1, 0.5: 2}, {"null": 1, "0.5": 2}, SAME, SAME, SAME),
    ({date(2024, 5, 6): 1}, {"2024-05-06": 1}, SAME, SAME, SAME),
    ({Colour.RED: 1}, {"red": 1}, SAME, SAME, SAME),
    ({1: 1, "1": 2}, FAILS, FAILS, FAILS, FAILS),
    ({(1, 2): 3}, FAILS, FAILS, FAILS, FAILS),
    # numpy
    (np.int64(5), 5, SAME, SAME, SAME),
    (np.uint8(5), 5, SAME, SAME, SAME),
    (np.float32(0.5), 0.5, SAME, SAME, SAME),
    (np.bool_(True), True, SAME, SAME, SAME),
    (np.str_("a"), "a", SAME, SAME, SAME),
    (np.bytes_(b"a"), FAILS, FAILS, b"a", b"a"),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]], SAME, SAME, SAME),
    (np.array([1.5, NAN]), [1.5, None], SAME, [1.5, NAN], SAME),
    (np.array(2), 2, SAME, SAME, SAME),
    (np.array(["a"]), ["a"], SAME, SAME, SAME),
    ({"embedding": np.zeros(2)}, {"embedding": [0.0, 0.0]}, SAME, SAME, SAME),
    (np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]), [{"a": 1, "b": 2.5}],
     SAME, SAME, SAME),
    (np.zeros(1, "m8[s]"), ["PT0S"], SAME, [timedelta(0)], SAME),
    (np.timedelta64(1500, "ms"), "PT1.5S", SAME, timedelta(seconds=1.5), SAME),
    (np.timedelta64("NaT"), None, SAME, SAME, SAME),
    (np.timedelta64(1), FAILS, FAILS, FAILS, FAILS),
    (np.timedelta64(1, "M"), FAILS, FAILS, FAILS, FAILS),
    # sqlite3
    (sqlite_row("SELECT 1 AS a, 'x' AS b"), {"a": 1, "b": "x"}, SAME, SAME, SAME),
    (sqlite_row("SELECT 1 AS a, 2 AS a"), [1, 2], SAME, SAME, SAME),
    # Bytes: text in JSON would be no bytes any more
    (b"", FAILS, FAILS, b"", b""),
    (b"\xff\x00", FAILS, FAILS, b"\xff\x00", b"\xff\x00"),
    ({"a": b"\xff"}, FAILS, FAILS, {"a": b"\xff"}, {"a": b"\xff"}),
    (bytearray(b"a"), FAILS, FAILS, FAILS, FAILS),
    (memoryview(b"a"), FAILS, FAILS, FAILS, FAILS),
    (Bytes(data=b"\xff"), FAILS, FAILS, {"data": b"\xff"}, {"data": b"\xff"}),
    # What says nothing of what it holds
    (Plain(1), FAILS, FAILS, FAILS, FAILS),
    ({"a": 1, "o": Plain(2)}, FAILS, FAILS, FAILS, FAILS),
    (object(), FAILS, FAILS, FAILS, FAILS),
    (threading.Lock(), FAILS, FAILS, FAILS, FAILS),
    (lambda: 0, FAILS, FAILS, FAILS, FAILS),
    (iter(()), FAILS, FAILS, FAILS, FAILS),
    (ValueError("no"), FAILS, FAILS, FAILS, FAILS),
    (Plain, FAILS, FAILS, FAILS, FAILS),
    (json, FAILS, FAILS, FAILS, FAILS),
    (io.BytesIO(b"a"), FAILS, FAILS, FAILS, FAILS),
]  # fmt: skip
IDS = [f"{number}-{type(row[0]).__name__}" for number, row in enumerate(RESULTS)]


def written(path: Path, result: Any) -> dict[str, Any] | None:
    """Write one result; return what its failure holds, if it is one."""
    columns = (
        ("_extra",)
        if path.suffix == ".csv" and isinstance(result, dict) and "_extra" in result
        else ()
    )
    return kept_of(open_sink(path, path.suffix[1:], record="result", columns=columns), result)


def kept_of(
    sink: Sink, result: Any, commit: Callable[[], None] = lambda: None
) -> dict[str, Any] | None:
    """Write one result to a sink, as `written` does; `commit` is the journal's part of it."""
    sink.start(0)
    pieces, failures = encoded(sink, [0], [0], [result])
    if not failures:
        sink.write(pieces)
        sink.sync()
        commit()
        sink.finish()
    sink.close()
    if not failures:
        return None
    kept: Any = json.loads("{" + getattr(failures[0], "kept", "") + "}")
    return dict(kept)


def check_kept(kept: dict[str, Any] | None, result: Any) -> None:
    """Check that a failure holds the result, with its types as far as they can be marked."""
    assert kept is not None, "it was written"
    assert len(kept) == 1
    if "result_repr" in kept:
        assert kept["result_repr"] not in ("", "None")
        return
    again = unmarked(unescape(kept["result"]))
    if type(again) is type(result):
        assert again == result or repr(again) == repr(result)


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or repr(one) == repr(other))


@pytest.mark.parametrize(("result", "form", "_cells", "_row", "_values"), RESULTS, ids=IDS)
def test_json_lines(
    tmp_path: Path, result: Any, form: Any, _cells: Any, _row: Any, _values: Any
) -> None:
    path = tmp_path / "out.jsonl"
    kept = written(path, result)
    if form is FAILS:
        check_kept(kept, result)
        return
    assert kept is None
    read = unescape(json.loads(path.read_bytes(), parse_constant=pytest.fail))
    assert same(read, result if form is SAME else form)


@pytest.mark.parametrize(("result", "form", "cells", "_row", "_values"), RESULTS, ids=IDS)
def test_csv(tmp_path: Path, result: Any, form: Any, cells: Any, _row: Any, _values: Any) -> None:
    csv.field_size_limit(1 << 20)
    path = tmp_path / "out.csv"
    kept = written(path, result)
    if cells is FAILS:
        check_kept(kept, result)
        return
    assert kept is None
    [read] = csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True)
    if cells is SAME:
        value = result if form is SAME else form
        named = value if isinstance(value, dict) else {"result": value}
        cells = {name: cell(one) for name, one in named.items()}
    assert unescape(read) == cells


def cell(value: Any) -> str:
    if isinstance(value, str) or value is None:
        return value or ""
    return repr(value) if type(value) in (int, float) else json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(("result", "form", "_cells", "row", "_values"), RESULTS, ids=IDS)
def test_parquet(
    tmp_path: Path, result: Any, form: Any, _cells: Any, row: Any, _values: Any
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "out.parquet"
    kept = written(path, result)
    if row is FAILS:
        check_kept(kept, result)
        return
    assert kept is None
    value = row
    if row is SAME:
        value = result if form is SAME else form
    [read] = parquet.read_table(path).to_pylist()
    expected = value if isinstance(value, dict) else {"result": value}
    assert read.keys() == expected.keys()
    assert all(same(read[name], one) or read[name] == one for name, one in expected.items())


@pytest.mark.parametrize(("result", "form", "_cells", "_row", "values"), RESULTS, ids=IDS)
def test_sqlite(
    tmp_path: Path, result: Any, form: Any, _cells: Any, _row: Any, values: Any
) -> None:
    path = tmp_path / "out.db"
    url = table_url(str(path))
    assert url is not None
    output = TableOutput(url)
    output.begin(b"")
    kept = kept_of(open_sink(output, "table"), result, lambda: output.commit(None))
    output.close()
    if values is FAILS:
        check_kept(kept, result)
        return
    assert kept is None
    value = values
    if values is SAME:
        value = result if form is SAME else form
    expected = value if isinstance(value, dict) else {"result": value}
    with closing(sqlite3.connect(path)) as connection:
        cursor = connection.execute("SELECT * FROM results")
        names = [name for name, *_ in cursor.description]
        [read] = cursor.fetchall()
    again = unescape(dict(zip(names, map(value_in_sqlite, read, expected.values()), strict=True)))
    assert again.keys() == expected.keys()
    assert all(same(again[name], one) for name, one in expected.items())


def value_in_sqlite(read: Any, expected: Any) -> Any:
    """Return the value that a column of SQLite stands for: it has no booleans, lists or objects."""
    if type(expected) is bool:
        return {0: False, 1: True}[read]
    return json.loads(read) if type(expected) in (list, dict) else read
