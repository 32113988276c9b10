"""CSV: a row is a dict by the header's names, or tells why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from batchmap.errors import InputError
from batchmap.sources import open_source
from batchmap.sources.csv.rows import MAX_RECORD_BYTES
from hypothesis import given
from hypothesis import strategies as st

from tests.source_inputs import (
    Endless,
    failure_of,
    feed,
    items_of,
    records_of,
    same_folder,
    until_fault,
)

CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(rows=st.lists(st.tuples(CELLS, CELLS)), end=st.sampled_from(["\n", "\r\n"]))
@same_folder
def test_csv_gives_back_what_was_written(
    tmp_path: Path, rows: list[tuple[str, str]], end: str
) -> None:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    lines = [f"{cell(one)},{cell(two)}{end}" for one, two in rows]
    records = records_of(tmp_path / "rows.csv", f"a,b{end}{''.join(lines)}".encode())
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
    records = records_of(tmp_path / "rows.csv", raw)
    assert [(item, where) for item, _, where in records] == rows


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b"1", "1 cells found, 2 expected (a, b)"),
        (b"1,2,3", "3 cells found, 2 expected (a, b)"),
        (b'"1"x,2', "text follows a closing quote"),
        (b'"1\n2"x,3', "text follows a closing quote"),
    ],
)
def test_a_row_that_does_not_fit_is_a_bad_record(tmp_path: Path, row: bytes, message: str) -> None:
    first, bad, last = records_of(tmp_path / "rows.csv", b"a,b\n1,2\n" + row + b"\n3,4\n")
    assert (first[0], last[0]) == ({"a": "1", "b": "2"}, {"a": "3", "b": "4"})
    assert (bad[1], bad[2]) == (row + b"\n", 3)
    assert message in failure_of(bad)[1]
    assert bad[0].text == row.decode() + "\n"


def test_a_quote_that_is_open_at_the_end_is_a_bad_record_where_it_starts(tmp_path: Path) -> None:
    _, bad = records_of(tmp_path / "rows.csv", b'a\n1\n"2\n3\n4')
    assert bad[1:] == (b'"2\n3\n4', 3)
    assert failure_of(bad) == (
        "csv.Error",
        "a quote is not closed before the end of the input; --quote none takes quotes as text",
    )


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b'"a\n1,2,3', "line 2: the header cannot be read: a quote is not closed"),
        (b'"a"b,c', "line 2: the header cannot be read: text follows a closing quote"),
    ],
)
def test_a_header_that_cannot_be_read_is_an_input_error(
    tmp_path: Path, header: bytes, message: str
) -> None:
    items, fault = until_fault(tmp_path / "rows.csv", b"\n" + header + b"\n1,2,3\n")
    assert items == []
    assert message in fault


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
    assert endless.taken_bytes <= MAX_RECORD_BYTES + (1 << 20)
