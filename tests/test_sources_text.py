"""Text: a line is an item, whatever is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from batchmap.records import UnreadableRecord
from batchmap.sources import TextLines, open_source
from batchmap.sources.line_formats import json_lines, text_lines
from batchmap.sources.opening.file_kinds import kind_of
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.source_inputs import items_of, records_of, same_folder


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@given(lines=st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b""))))
@same_folder
def test_text_is_read_as_text_lines_reads_it(
    tmp_path: Path, end: bytes, lines: list[bytes]
) -> None:
    path = tmp_path / "lines.txt"
    raw = end.join(lines)
    assume(raw != b"\xef\xbb\xbf")  # a mark and nothing else is no line here
    assume(kind_of(raw) is None and b"\0" not in raw and raw[:2] not in (b"\xff\xfe", b"\xfe\xff"))
    records = records_of(path, raw)
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
        (b"\xe2\x82\n", ["\udce2\udc82"]),
    ],
)
def test_a_line_ends_at_a_newline_only(tmp_path: Path, raw: bytes, lines: list[str]) -> None:
    assert items_of(tmp_path / "lines.txt", raw) == lines


@pytest.mark.parametrize(
    ("raw", "is_told"), [(b"a\rb\r", True), (b"a\rb\nc\n", False), (b"a\r", False), (b"a", False)]
)
def test_lines_that_end_in_carriage_returns_alone_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, raw: bytes, is_told: bool
) -> None:
    assert items_of(tmp_path / "a.txt", raw) == list(TextLines(tmp_path / "a.txt"))
    told = [record.getMessage() for record in caplog.records]
    expected = f"{tmp_path}/a.txt begins with carriage returns and no line feed, which alone ends"
    assert [line[: len(expected)] for line in told] == [expected] * is_told


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_the_fraction_read_of_an_empty_file_is_all(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    source = open_source(str(tmp_path / name))
    assert source.fraction() == 0.0
    assert (list(source.records()), source.fraction()) == ([], 1.0)


def test_lines_are_whole_wherever_blocks_end(tmp_path: Path) -> None:
    lines = ["é" * 300_000, "", "x" * (1 << 18), "€" * 99_999, "end"]
    assert items_of(tmp_path / "lines.txt", "\r\n".join(lines).encode()) == lines


@pytest.mark.parametrize("block_bytes", [1, 3, 7, 1000])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_over_the_limit_is_unreadable_and_the_others_are_not(
    block_bytes: int, end: bytes
) -> None:
    content = b"ab\n" + b"x" * 10 + b"\n\n" + b"y" * 9 + b"\r\nz" + end
    blocks = [content[at : at + block_bytes] for at in range(0, len(content), block_bytes)]
    records: list[Any] = [record for record in text_lines(blocks, 9) if record is not None]
    assert [record[2] for record in records] == [1, 2, 3, 4, 5]
    items = [record[0] for record in records]
    assert [items[0], items[2], items[4]] == ["ab", "", "z"]
    assert [type(items[1]), type(items[3])] == [UnreadableRecord] * 2
    assert items[1].failure.error == (
        "the line has 10 bytes, and a record may have 9 (max_record_bytes)"
    )
    other: list[Any] = [
        record for record in text_lines([content.replace(b"x\n", b"w\n")], 9) if record
    ]
    assert other[1][1] != records[1][1], "what is left out is in the digest"


def test_a_long_line_of_json_is_unreadable() -> None:
    blocks = [b'"a"\n"', b"b" * 99, b'"\n1\n']
    records: list[Any] = [record for record in json_lines(blocks, 50) if record]
    assert [records[0][0], records[2][0]] == ["a", 1]
    assert isinstance(records[1][0], UnreadableRecord)
