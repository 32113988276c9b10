"""Text: a line is an item, whatever is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from batchmap.sources import TextLines, open_source
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
        (b"\xe2\x82\nnul\0", ["\udce2\udc82", "nul\0"]),
    ],
)
def test_a_line_ends_at_a_newline_only(tmp_path: Path, raw: bytes, lines: list[str]) -> None:
    assert items_of(tmp_path / "lines.txt", raw) == lines


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl", "a.txt.gz"])
def test_the_fraction_read_of_an_empty_file_is_all(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    source = open_source(str(tmp_path / name))
    assert source.fraction() == 0.0
    assert (list(source.records()), source.fraction()) == ([], 1.0)


def test_lines_are_whole_wherever_blocks_end(tmp_path: Path) -> None:
    lines = ["é" * 300_000, "", "x" * (1 << 18), "€" * 99_999, "end"]
    assert items_of(tmp_path / "lines.txt", "\r\n".join(lines).encode()) == lines
