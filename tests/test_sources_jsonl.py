"""JSON Lines, and the failures of an earlier run: a line is an item, or tells why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.source_inputs import failure_of, items_of, records_of, same_folder

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
HUGE = st.integers(-(10**40), 10**40)


def json_values(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
    )


@given(values=st.lists(json_values(SCALARS | HUGE)))
@same_folder
def test_json_lines_give_back_what_was_written(tmp_path: Path, values: list[Any]) -> None:
    for ascii_only in (True, False):
        lines = [json.dumps(value, ensure_ascii=ascii_only) for value in values]
        if "Infinity" not in "".join(lines):
            raw = "\n".join(lines).encode()
            records = records_of(tmp_path / "values.jsonl", raw)
            assert repr([item for item, _, _ in records]) == repr(values)
            assert [raw for _, raw, _ in records] == [line.encode() for line in lines]


def test_blank_lines_are_no_items_but_are_counted(tmp_path: Path) -> None:
    raw = b'\xef\xbb\xbf[1]\r\n\r\n \t\n\x0c\n  "\\ud800"  \n"a\xe2\x80\xa8b"'
    records = records_of(tmp_path / "values.ndjson", raw)
    assert [(item, where) for item, _, where in records] == [
        ([1], 1),
        ("\ud800", 5),
        ("a\u2028b", 6),
    ]


def test_of_a_key_that_comes_twice_the_last_counts(tmp_path: Path) -> None:
    assert items_of(tmp_path / "values.jsonl", b'{"a": 1, "a": 2}') == [{"a": 2}]


@pytest.mark.parametrize(
    ("line", "error_type", "message"),
    [
        (b"{'a': 1}", "JSONDecodeError", "not JSON: Expecting property name"),
        (b'  {"a": }', "JSONDecodeError", "not JSON: Expecting value at character 9"),
        (b' "a', "JSONDecodeError", "not JSON: Unterminated string starting at character 2"),
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
    tmp_path: Path, line: bytes, error_type: str, message: str
) -> None:
    first, bad, last = records_of(tmp_path / "values.jsonl", b"1\n" + line + b"\n3\n")
    assert (first[0], last[0]) == (1, 3)
    assert (bad[1], bad[2]) == (line, 2)
    assert failure_of(bad)[0] == error_type
    assert message in failure_of(bad)[1]
    assert bad[0].text == line.decode("utf-8", "surrogateescape")


# Failures of an earlier run


def test_the_items_of_failures_are_items_again(tmp_path: Path) -> None:
    lines = [b'{"index": 4, "item": {"a": 1}, "error": "x"}', b'{"index": 9, "item": null}']
    raw = b"\n".join(lines)
    records = records_of(tmp_path / "errors.jsonl", raw, input_format="errors")
    assert records == [({"a": 1}, lines[0], 1), (None, lines[1], 2)]


@pytest.mark.parametrize("line", [b'{"item": 1}', b'{"index": 1}', b"[]", b"1", b'"index item"'])
def test_what_is_no_failure_is_a_bad_record(tmp_path: Path, line: bytes) -> None:
    (record,) = records_of(tmp_path / "errors.jsonl", line, input_format="errors")
    assert failure_of(record)[0] == "ValueError"
    assert '"index" and "item" is expected' in failure_of(record)[1]
