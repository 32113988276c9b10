"""Sources: every line is an item, whatever is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils.errors import InputError
from utils.sources import TextLines


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (b"", []),
        (b"one", ["one"]),
        (b"one\n", ["one"]),
        (b"one\ntwo", ["one", "two"]),
        (b"\n\n", ["", ""]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"\xef\xbb\xbfone\n\xef\xbb\xbftwo", ["one", "\ufefftwo"]),
        (b"nul\0\n", ["nul\0"]),
        ("a\u2028b\x0bc\x85d\n".encode(), ["a\u2028b\x0bc\x85d"]),
        (b"bad \xff byte\nok", ["bad \udcff byte", "ok"]),
    ],
)
def test_lines_are_counted_and_read_alike(tmp_path: Path, raw: bytes, lines: list[str]) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes(raw)
    source = TextLines(path)
    assert source.total == len(lines)
    assert list(source) == lines == list(source)


def test_a_limit_takes_the_first_lines(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("1\n2\n3\n")
    assert list(TextLines(path, limit=2)) == ["1", "2"]
    assert (TextLines(path, limit=2).total, TextLines(path, limit=9).total) == (2, 3)


def test_a_line_is_placed_by_file_and_number(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("1\n")
    assert TextLines(path).place(11) == f"{path} line 12"


def test_a_file_that_went_away_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("1\n")
    source = TextLines(path)
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        list(source)
    with pytest.raises(InputError, match="cannot be read"):
        TextLines(path)
