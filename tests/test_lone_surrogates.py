"""What was no text: written as text that every reader takes, and what it was again from there."""

from __future__ import annotations

import csv
import json
from importlib import import_module
from pathlib import Path

import batchmap
import pytest
from batchmap.lone_surrogates import escaped, is_utf8, needs_escape, unescape
from batchmap.sources import open_source
from hypothesis import given
from hypothesis import strategies as st

NEAR_ESCAPES = st.text(st.sampled_from("\ufffd\ufffd{}e9d8c\udce9\ud83d\ude00é"))
LINES = [b"plain", b"caf\xe9", "caf\ufffd{e9}".encode(), b"\xff\xfe"]


@given(NEAR_ESCAPES | st.text(st.characters(exclude_categories=())))
def test_text_is_what_it_was_after_writing_and_reading(text: str) -> None:
    written = escaped(text)
    assert is_utf8(written)
    assert unescape(written) == text
    assert needs_escape(text) or written == text


def test_values_are_restored_with_all_that_is_in_them() -> None:
    assert unescape({"�{e9}": ["�{d83d}", 1, None, "��{e9}"]}) == {
        "\udce9": ["\ud83d", 1, None, "�{e9}"]
    }


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_bytes_that_are_no_text_come_back_from_an_output_that_others_read(
    tmp_path: Path, suffix: str
) -> None:
    source, output = tmp_path / "in.txt", tmp_path / f"out{suffix}"
    source.write_bytes(b"\n".join(LINES))
    batchmap.run(lambda line: {"line": line}, source, output, record="result", keep_order=True)
    text = output.read_bytes().decode()
    if suffix == ".csv":
        rows = list(csv.DictReader(text.splitlines()))
        read = import_module("pyarrow.csv").read_csv
    else:
        rows = list(map(json.loads, text.splitlines()))
        read = import_module("pyarrow.json").read_json
    assert read(output).to_pylist() == rows
    restored = [batchmap.unescape(row)["line"] for row in rows]
    assert [line.encode("utf-8", "surrogateescape") for line in restored] == LINES


def test_failed_items_are_taken_again_as_they_were(tmp_path: Path) -> None:
    def fail(line: str) -> None:
        raise ValueError(line)

    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_bytes(b"\n".join(LINES))
    batchmap.run(fail, source, output, keep_order=True)
    errors = tmp_path / "out.jsonl.errors.jsonl"
    assert is_utf8(errors.read_text())
    again = open_source(str(errors), input_format="errors").records()
    items = sorted(item.encode("utf-8", "surrogateescape") for item, _, _ in again)
    assert items == sorted(LINES)
