"""Sources: every record of a file becomes an item, or tells why not."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import sys
import tracemalloc
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from utils.errors import InputError, UsageError
from utils.records import BadRecord
from utils.sources import TextLines, open_source
from utils.sources._csv_rows import LONGEST_RECORD_BYTES

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
FINITE = st.none() | st.booleans() | st.integers() | st.floats(-1e300, 1e300) | st.text()
HUGE = st.integers(-(10**40), 10**40)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def json_values(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
    )


def walk(path: Path, raw: bytes, **more: Any) -> list[tuple[Any, bytes, int]]:
    path.write_bytes(raw)
    return list(open_source(str(path), **more).records())


def items_of(path: Path, raw: bytes, **more: Any) -> list[Any]:
    return [item for item, _, _ in walk(path, raw, **more)]


def until_fault(path: Path, raw: bytes) -> tuple[list[Any], str]:
    """Return the items that come before the input cannot be read on, and the fault's one line."""
    path.write_bytes(raw)
    items: list[Any] = []
    with pytest.raises(InputError) as caught:
        items.extend(item for item, _, _ in open_source(str(path)).records())
    told = str(caught.value)
    assert told.startswith(str(path))
    assert "\n" not in told
    return items, told


def failure_of(record: tuple[Any, bytes, int]) -> tuple[str, str]:
    item = record[0]
    assert isinstance(item, BadRecord)
    return item.failure.error_type, item.failure.error


class Endless(io.RawIOBase):
    """An input without end: `head`, then `body` again and again."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self._rest = head
        self._body = body * (4096 // len(body))
        self.taken_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or self._body
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        self.taken_bytes += len(taken)
        return len(taken)


def feed(monkeypatch: pytest.MonkeyPatch, raw: io.RawIOBase) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(raw)))


# Standard input and pipes


@pytest.mark.parametrize(
    ("input_format", "head", "body", "item"),
    [
        (None, b"", b"line\n", "line"),
        ("text", b"", b"line\r\n", "line"),
        ("jsonl", b"", b'{"a": 1}\n', {"a": 1}),
        ("errors", b"", b'{"index": 0, "item": 5}\n', 5),
        ("json", b"[1", b", 1", 1),
        ("csv", b"a\n", b"1\n", {"a": "1"}),
    ],
)
def test_of_an_endless_input_no_more_is_taken_than_asked_for(
    monkeypatch: pytest.MonkeyPatch, input_format: str | None, head: bytes, body: bytes, item: Any
) -> None:
    endless = Endless(head, body)
    feed(monkeypatch, endless)
    source = open_source("-", input_format=input_format)
    assert (source.name, source.total, source.paths) == ("standard input", None, ())
    assert not source.repeatable
    assert endless.taken_bytes == 0
    assert [found for found, _, _ in islice(source.records(), 5)] == [item] * 5
    assert endless.taken_bytes <= 1 << 18
    assert source.fraction() is None


@pytest.mark.parametrize(
    ("input_format", "first", "item"),
    [
        ("text", b"one\ntw", "one"),
        ("jsonl", b"[1]\n[", [1]),
        ("csv", b"a\n1\n2", {"a": "1"}),
        ("json", b"[1,", 1),
    ],
)
def test_records_come_as_they_arrive(
    monkeypatch: pytest.MonkeyPatch, input_format: str, first: bytes, item: Any
) -> None:
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as into, open(reading, "rb", buffering=0) as out:  # noqa: PTH123
        feed(monkeypatch, out)
        into.write(first)  # and the pipe stays open: waiting for more would last for ever
        records = open_source("-", input_format=input_format).records()
        assert next(records)[0] == item


def test_an_input_that_does_not_wait_is_made_to(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(writing, "wb", buffering=0) as into, open(reading, "rb", buffering=0) as out:  # noqa: PTH123
        feed(monkeypatch, out)
        into.write(b"one\n")
        next(open_source("-").records())
        assert os.get_blocking(reading)


def test_places_in_standard_input_are_worded(monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, Endless(b"", b"x\n"))
    assert open_source("-").place(3) == "standard input line 3"
    assert open_source("-", input_format="json").place(3) == "standard input element 3"


def test_a_closed_standard_input_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="closed"):
        list(open_source("-").records())


@pytest.mark.parametrize("suffix", ["", ".jsonl", ".jsonl.gz"])
def test_a_named_pipe_is_read_once_and_never_before_it_is_walked(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"pipe{suffix}"
    os.mkfifo(path)
    raw = b"[1]\n[2]\n"
    source = open_source(str(path))
    assert (source.repeatable, source.paths) == (False, ())
    # Opened for both, it does not wait for a reader.
    with open(os.open(path, os.O_RDWR), "wb", buffering=0) as both:  # noqa: PTH123
        both.write(gzip.compress(raw) if suffix.endswith(".gz") else raw)
        taken = [item for item, _, _ in islice(source.records(), 2)]
    assert taken == (["[1]", "[2]"] if not suffix else [[1], [2]])
    assert source.fraction() is None


# Text


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@given(lines=st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b""))))
@same_folder
def test_text_is_read_as_text_lines_reads_it(
    tmp_path: Path, end: bytes, lines: list[bytes]
) -> None:
    path = tmp_path / "lines.txt"
    raw = end.join(lines)
    assume(raw != b"\xef\xbb\xbf")  # a mark and nothing else is no line here
    records = walk(path, raw)
    assert [item for item, _, _ in records] == list(TextLines(path))
    raws = [item.encode("utf-8", "surrogateescape") for item, _, _ in records]
    assert [raw for _, raw, _ in records] == raws
    assert [where for _, _, where in records] == list(range(1, len(records) + 1))


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (b"", []),
        (b"\xef\xbb\xbf", []),
        (b"\n", [""]),
        (b"\xef\xbb\xbfone\n\xef\xbb\xbftwo", ["one", "\ufefftwo"]),
        (b"\xef\xbb", ["\udcef\udcbb"]),
        (b"a\r\nb\rc\r\r\nd\r", ["a", "b\rc\r", "d"]),
        ("a\u2028b\x0bc\x85\n".encode(), ["a\u2028b\x0bc\x85"]),
        (b"\xe2\x82\nnul\0", ["\udce2\udc82", "nul\0"]),
    ],
)
def test_a_line_ends_at_a_newline_only(tmp_path: Path, raw: bytes, lines: list[str]) -> None:
    assert items_of(tmp_path / "lines.txt", raw) == lines


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl", "a.txt.gz"])
def test_of_an_empty_file_all_is_read_once_it_was_walked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    source = open_source(str(tmp_path / name))
    assert source.fraction() == 0.0
    assert (list(source.records()), source.fraction()) == ([], 1.0)


def test_lines_are_whole_wherever_blocks_end(tmp_path: Path) -> None:
    lines = ["é" * 300_000, "", "x" * (1 << 18), "€" * 99_999, "end"]
    assert items_of(tmp_path / "lines.txt", "\r\n".join(lines).encode()) == lines


# JSON Lines


@given(values=st.lists(json_values(SCALARS | HUGE)))
@same_folder
def test_json_lines_give_back_what_was_written(tmp_path: Path, values: list[Any]) -> None:
    for ascii_only in (True, False):
        lines = [json.dumps(value, ensure_ascii=ascii_only) for value in values]
        if "Infinity" not in "".join(lines):
            raw = "\n".join(lines).encode()
            records = walk(tmp_path / "values.jsonl", raw)
            assert repr([item for item, _, _ in records]) == repr(values)
            assert [raw for _, raw, _ in records] == [line.encode() for line in lines]


def test_blank_lines_are_no_items_but_are_counted(tmp_path: Path) -> None:
    raw = b'\xef\xbb\xbf[1]\r\n\r\n \t\n\x0c\n  "\\ud800"  \n"a\xe2\x80\xa8b"'
    records = walk(tmp_path / "values.ndjson", raw)
    assert [(item, where) for item, _, where in records] == [
        ([1], 1),
        ("\ud800", 5),
        ("a\u2028b", 6),
    ]


def test_of_a_key_that_comes_twice_the_last_counts(tmp_path: Path) -> None:
    assert items_of(tmp_path / "values.jsonl", b'{"a": 1, "a": 2}') == [{"a": 2}]


@pytest.mark.parametrize(
    ("line", "error_type", "told"),
    [
        (b"{'a': 1}", "JSONDecodeError", "not JSON: Expecting property name"),
        (b'  {"a": }', "JSONDecodeError", "not JSON: Expecting value at character 9"),
        (b"1 2", "JSONDecodeError", "more follows after the value at character 2"),
        (b"NaN", "ValueError", "NaN is not JSON"),
        (b'{"a": [-Infinity]}', "ValueError", "-Infinity is not JSON"),
        (b'"a\xff"', "UnicodeDecodeError", "byte 3 of the line is 0xff"),
        (b"[" * 200_000, "RecursionError", "nested too deeply"),
        (b"[" * 200_000 + b"]" * 200_000, "RecursionError", "nested too deeply"),
        (b"9" * 5000, "ValueError", "too many digits"),
    ],
)
def test_a_line_that_is_not_json_is_a_bad_record(
    tmp_path: Path, line: bytes, error_type: str, told: str
) -> None:
    first, bad, last = walk(tmp_path / "values.jsonl", b"1\n" + line + b"\n3\n")
    assert (first[0], last[0]) == (1, 3)
    assert (bad[1], bad[2]) == (line, 2)
    assert failure_of(bad)[0] == error_type
    assert told in failure_of(bad)[1]
    assert bad[0].text == line.decode("utf-8", "surrogateescape")[:8192]


# Failures of an earlier run


def test_the_items_of_failures_are_items_again(tmp_path: Path) -> None:
    lines = [b'{"index": 4, "item": {"a": 1}, "error": "x"}', b'{"index": 9, "item": null}']
    raw = b"\n".join(lines)
    records = walk(tmp_path / "errors.jsonl", raw, input_format="errors")
    assert records == [({"a": 1}, lines[0], 1), (None, lines[1], 2)]


@pytest.mark.parametrize("line", [b'{"item": 1}', b'{"index": 1}', b"[]", b"1", b'"index item"'])
def test_what_is_no_failure_is_a_bad_record(tmp_path: Path, line: bytes) -> None:
    (record,) = walk(tmp_path / "errors.jsonl", line, input_format="errors")
    assert failure_of(record)[0] == "ValueError"
    assert '"index" and "item" is expected' in failure_of(record)[1]


# JSON arrays


@given(values=st.lists(json_values(FINITE | HUGE)))
@same_folder
def test_elements_of_an_array_are_those_of_json_loads(tmp_path: Path, values: list[Any]) -> None:
    for ascii_only in (True, False):
        text = json.dumps(values, ensure_ascii=ascii_only, indent=1)
        found = items_of(tmp_path / "values.json", text.encode())
        assert repr(found) == repr(json.loads(text)) == repr(values)


@given(
    text=st.from_regex(
        r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
    )
)
@same_folder
def test_numbers_are_read_as_json_loads_reads_them(tmp_path: Path, text: str) -> None:
    document = f'[{text}, {{"a": [{text}]}}]'
    assert repr(items_of(tmp_path / "n.json", document.encode())) == repr(json.loads(document))


@pytest.mark.parametrize("raw", [b"[]", b"\xef\xbb\xbf [\n]\n", b" " * 300_000 + b"[]"])
def test_an_empty_array_has_no_items(tmp_path: Path, raw: bytes) -> None:
    assert items_of(tmp_path / "values.json", raw) == []


@pytest.mark.parametrize(
    ("raw", "found"), [(b"", "nothing"), (b' {"a": [1]}', "an object"), (b"3", "another value")]
)
def test_what_is_no_array_is_an_input_error(tmp_path: Path, raw: bytes, found: str) -> None:
    items, told = until_fault(tmp_path / "values.json", raw)
    assert items == []
    assert f"array is expected and {found} was found" in told
    assert ".jsonl" in told


@pytest.mark.parametrize(
    ("raw", "before"),
    [
        (b"[1, 2", [1]),
        (b'[1, 2, "a', [1, 2]),
        (b'[1, {"a": 2}, {"a"', [1, {"a": 2}]),
        (b"[1, NaN]", [1]),
        (b"[1, Infinity]", [1]),
        (b"[1, tru]", [1]),
        (b"[1,]", [1]),
        (b"[1] [2]", [1]),
        (b"[1, '2']", [1]),
        (b'[1, 2, "a\xff"]', [1, 2]),
        (b"[1, \xff", [1]),
        (b'[1, "a\xe2\x82', [1]),
        (b'["\xed\xa0\x80"]', []),
        (b"[1, " + b"9" * 5000 + b"]", [1]),
    ],
)
def test_a_broken_array_gives_the_elements_before_and_names_the_next(
    tmp_path: Path, raw: bytes, before: list[Any]
) -> None:
    items, told = until_fault(tmp_path / "values.json", raw)
    assert items == before
    assert f"values.json element {len(before) + 1}: " in told


def test_half_a_surrogate_pair_is_kept(tmp_path: Path) -> None:
    raw = b'["\\ud83d", {"\\ude00": "\\ud83d\\ude00"}]'
    assert items_of(tmp_path / "values.json", raw) == ["\ud83d", {"\ude00": "\U0001f600"}]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("shift", range(14))
def test_characters_are_kept_wherever_blocks_end(
    tmp_path: Path, shift: int, ascii_only: bool
) -> None:
    values = ["x" * ((1 << 18) - 2 - shift) + "\U0001f600" * 30_000, "\U0001f600"]
    raw = json.dumps(values, ensure_ascii=ascii_only).encode()
    assert items_of(tmp_path / "values.json", raw) == values


def test_an_element_that_is_nested_too_deeply_is_a_bad_record(tmp_path: Path) -> None:
    raw = b"[1, " + b"[" * 100_000 + b"]" * 100_000 + b", 3]"
    first, bad, last = walk(tmp_path / "values.json", raw)
    assert (first[0], last[0], bad[2]) == (1, 3, 2)
    assert failure_of(bad)[0] == "RecursionError"


# CSV

CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(rows=st.lists(st.tuples(CELLS, CELLS)), end=st.sampled_from(["\n", "\r\n"]))
@same_folder
def test_csv_gives_back_what_was_written(
    tmp_path: Path, rows: list[tuple[str, str]], end: str
) -> None:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    lines = [f"{cell(one)},{cell(two)}{end}" for one, two in rows]
    records = walk(tmp_path / "rows.csv", f"a,b{end}{''.join(lines)}".encode())
    assert [item for item, _, _ in records] == [{"a": one, "b": two} for one, two in rows]
    assert [raw for _, raw, _ in records] == [line.encode() for line in lines]


@pytest.mark.parametrize(
    ("raw", "rows"),
    [
        (b"", []),
        (b"\n\n", []),
        (b"a,b", []),
        (b"a,b\n", []),
        (b"\xef\xbb\xbfa,b\n1,2", [({"a": "1", "b": "2"}, 2)]),
        (b'\n"a",b\r\n\r\n1,2\r\n\n3,4', [({"a": "1", "b": "2"}, 4), ({"a": "3", "b": "4"}, 6)]),
        (b'a\n"x\ny\n"\nz', [({"a": "x\ny\n"}, 2), ({"a": "z"}, 5)]),
        (b"a\r1\r2\r", [({"a": "1"}, 2), ({"a": "2"}, 3)]),
        (b"a\nb\xff\0c\n", [({"a": "b\udcff\0c"}, 2)]),
        ("a\nb\u2028c\x0bd\x85\n".encode(), [({"a": "b\u2028c\x0bd\x85"}, 2)]),
        (b'a,b\nx"y, "z"\n', [({"a": 'x"y', "b": ' "z"'}, 2)]),
    ],
)
def test_rows_are_dicts_at_the_line_where_they_start(
    tmp_path: Path, raw: bytes, rows: list[Any]
) -> None:
    records = walk(tmp_path / "rows.csv", raw)
    assert [(item, where) for item, _, where in records] == rows


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (b"1", "1 cells found, 2 expected (a, b)"),
        (b"1,2,3", "3 cells found, 2 expected (a, b)"),
        (b'"1"x,2', "text follows a closing quote"),
        (b'"1\n2"x,3', "text follows a closing quote"),
    ],
)
def test_a_row_that_does_not_fit_is_a_bad_record(tmp_path: Path, row: bytes, told: str) -> None:
    first, bad, last = walk(tmp_path / "rows.csv", b"a,b\n1,2\n" + row + b"\n3,4\n")
    assert (first[0], last[0]) == ({"a": "1", "b": "2"}, {"a": "3", "b": "4"})
    assert (bad[1], bad[2]) == (row + b"\n", 3)
    assert told in failure_of(bad)[1]
    assert bad[0].text == row.decode() + "\n"


def test_a_quote_that_is_open_at_the_end_is_a_bad_record_where_it_starts(tmp_path: Path) -> None:
    _, bad = walk(tmp_path / "rows.csv", b'a\n1\n"2\n3\n4')
    assert bad[1:] == (b'"2\n3\n4', 3)
    assert failure_of(bad) == ("csv.Error", "a quote is not closed before the end of the input")


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"a,b,a", "line 2: the header has the name 'a' twice"),
        (b"a,,b", "line 2: the header has no name for column 2"),
        (b"a, ", "line 2: the header has no name for column 2"),
        (b'"a"b,c', "line 2: the header cannot be read: text follows a closing quote"),
    ],
)
def test_a_header_without_usable_names_is_an_input_error(
    tmp_path: Path, header: bytes, told: str
) -> None:
    items, fault = until_fault(tmp_path / "rows.csv", b"\n" + header + b"\n1,2,3\n")
    assert items == []
    assert told in fault


def test_a_cell_may_be_long(tmp_path: Path) -> None:
    cell = "é" * 5_000_000
    rows = items_of(tmp_path / "rows.csv", f'a,b\n1,"{cell}"\n{cell},2\n'.encode())
    assert rows == [{"a": "1", "b": cell}, {"a": cell, "b": "2"}]


@pytest.mark.parametrize("body", [b'1\n"2\n' + b"line\n" * 20, b"1\n" + b"xyzw" * 25])
def test_a_record_without_end_is_an_input_error_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    head, endless_body = body[: body.index(b"\n") + 1] + body[2:5], body[5:]
    endless = Endless(b"a\n" + head, endless_body)
    feed(monkeypatch, endless)
    records = open_source("-", input_format="csv").records()
    assert next(records)[0] == {"a": "1"}
    with pytest.raises(InputError, match=r"standard input line 3: .* 16 MiB; an unclosed quote\?"):
        next(records)
    assert endless.taken_bytes <= LONGEST_RECORD_BYTES + (1 << 20)


# Parquet


def write_parquet(path: Path, columns: dict[str, Any], **more: Any) -> None:
    table = import_module("pyarrow").table(columns)
    import_module("pyarrow.parquet").write_table(table, path, **more)


def test_rows_of_parquet_come_in_order_over_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "rows.pq"
    write_parquet(path, {"n": list(range(5000)), "s": ["x"] * 5000}, row_group_size=700)
    records = list(open_source(str(path)).records())
    assert [item for item, _, _ in records] == [{"n": n, "s": "x"} for n in range(5000)]
    assert [where for _, _, where in records] == list(range(1, 5001))
    assert open_source(str(path)).total == 5000


def test_parquet_without_rows_has_no_items(tmp_path: Path) -> None:
    write_parquet(tmp_path / "rows.parquet", {"n": []})
    source = open_source(str(tmp_path / "rows.parquet"))
    assert (list(source.records()), source.total, source.fraction()) == ([], 0, 1.0)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_parquet_that_is_cut_off_is_an_input_error(tmp_path: Path, share: float) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(path, {"n": list(range(5000))})
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(InputError, match="is not Parquet, or damaged") as caught:
        open_source(str(path))
    assert "\n" not in str(caught.value)


def test_a_damaged_row_group_is_an_input_error_after_the_rows_before(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rows = {"s": [f"{n:06d}" * 10 for n in range(6000)]}
    write_parquet(path, rows, row_group_size=2000, compression="zstd", use_dictionary=False)
    metadata = import_module("pyarrow.parquet").ParquetFile(path).metadata
    start = metadata.row_group(2).column(0).data_page_offset
    raw = bytearray(path.read_bytes())
    raw[start : start + 2000] = b"\xa5" * 2000
    items, told = until_fault(path, bytes(raw))
    assert 2000 <= len(items) <= 4000
    assert f"rows.parquet row {len(items) + 1}: cannot be read on" in told


def test_a_value_that_python_cannot_hold_makes_a_bad_record_of_its_row_only(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pyarrow = import_module("pyarrow")
    days = pyarrow.array([0, 2**30, 1], pyarrow.int32()).cast(pyarrow.date32())
    write_parquet(path, {"day": days, "n": [1, 2, 3]})
    first, bad, last = open_source(str(path)).records()
    assert (first[0]["n"], last[0]["n"], bad[2]) == (1, 3, 2)
    assert failure_of(bad)[0] in ("OverflowError", "ValueError")
    assert [raw for _, raw, _ in open_source(str(path)).records()][1] == bad[1]


def test_columns_of_the_same_name_are_an_input_error(tmp_path: Path) -> None:
    pyarrow = import_module("pyarrow")
    table = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], names=["a", "a"])
    import_module("pyarrow.parquet").write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="two columns are named 'a'"):
        open_source(str(tmp_path / "rows.parquet"))


# Compression


def compress(suffix: str, raw: bytes) -> bytes:
    if suffix == ".gz":
        return gzip.compress(raw)
    compressor = import_module("zstandard").ZstdCompressor(write_checksum=True)
    packed: bytes = compressor.compress(raw)
    return packed


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".GZ"])
def test_parts_that_were_compressed_one_by_one_are_read_as_one(tmp_path: Path, suffix: str) -> None:
    parts = [b"a\n" * 100_000, b"", b"b\nc"]
    raw = b"".join(compress(suffix.lower(), part) for part in parts)
    items = items_of(tmp_path / f"lines.txt{suffix}", raw)
    assert items == ["a"] * 100_000 + ["b", "c"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("kind", ["txt", "jsonl", "csv"])
def test_compressed_data_that_is_cut_off_gives_the_records_before(
    tmp_path: Path, suffix: str, kind: str
) -> None:
    lines = [os.urandom(16).hex() for _ in range(50_000)]
    if kind == "jsonl":
        lines = [f'"{line}"' for line in lines]
    raw = compress(suffix, "\n".join(["a", *lines] if kind == "csv" else lines).encode())
    items, told = until_fault(tmp_path / f"lines.{kind}{suffix}", raw[: len(raw) // 2])
    found = [item["a"] if kind == "csv" else item for item in items]
    assert found == [line.strip('"') for line in lines[: len(found)]]
    assert 10_000 < len(found) < 40_000
    assert "ends too early" in told


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_data_that_is_not_compressed_is_an_input_error(tmp_path: Path, suffix: str) -> None:
    items, told = until_fault(tmp_path / f"lines{suffix}", b"just text\n" * 20)
    assert items == []
    assert f"is not {suffix[1:]}" in told.replace("is not .", "is not ")


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_damage_inside_is_an_input_error(tmp_path: Path, suffix: str) -> None:
    raw = bytearray(compress(suffix, random.Random(1).randbytes(400_000).hex().encode()))
    raw[len(raw) // 2 : len(raw) // 2 + 1000] = b"\xff" * 1000
    _, told = until_fault(tmp_path / f"lines{suffix}", bytes(raw))
    assert "damaged" in told


# Memory


@pytest.mark.parametrize(
    ("name", "head", "body", "tail"),
    [
        ("a.txt", b"", b"x" * 79 + b"\n", b""),
        ("a.jsonl", b"", b'{"a": "' + b"x" * 70 + b'"}\n', b""),
        ("a.json", b"[1", b', {"a": "' + b"x" * 70 + b'"}', b"]"),
        ("a.csv", b"a,b\n", b"x" * 40 + b"," + b"y" * 38 + b"\n", b""),
        ("a.txt.gz", b"", b"x" * 79 + b"\n", b""),
        ("a.txt.zst", b"", b"x" * 79 + b"\n", b""),
    ],
)
def test_memory_stays_flat(
    tmp_path: Path, name: str, head: bytes, body: bytes, tail: bytes
) -> None:
    path = tmp_path / name
    raw = head + body * 400_000 + tail
    path.write_bytes(compress(path.suffix, raw) if path.suffix in (".gz", ".zst") else raw)
    source = open_source(str(path))
    del raw
    tracemalloc.start()
    try:
        records = source.records()
        assert sum(1 for _ in islice(records, 100_000)) == 100_000
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


# Missing packages


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [
        ("a.zst", "zstandard", "zstandard"),
        ("a.json", "ijson", "ijson"),
        ("a.parquet", "pyarrow.parquet", "pyarrow"),
    ],
)
def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(UsageError, match=f"pip install {package}$"):
        open_source(str(tmp_path / name))
