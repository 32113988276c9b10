"""Text in any encoding: as an option says, as its mark says, and what is no text in it."""

from __future__ import annotations

import codecs
import json
import logging
from pathlib import Path
from typing import Any

import batchmap
import pytest
from batchmap.errors import InputError
from batchmap.sources import ReadingOptions, open_source
from batchmap.sources.opening.text_encoding import BadText, TextEncoding

from tests.source_inputs import failure_of, feed, items_of, records_of

ROWS = [{"a": "é", "b": "1"}, {"a": "😀", "b": "ÿ"}]
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


def text_of(suffix: str) -> str:
    if suffix == ".csv":
        return "a,b\r\n" + "".join(f"{row['a']},{row['b']}\r\n" for row in ROWS)
    lines = [json.dumps(row, ensure_ascii=False) for row in ROWS]
    return f"[{','.join(lines)}]" if suffix == ".json" else "\n".join(lines)


def items_in(suffix: str) -> list[Any]:
    return text_of(suffix).split("\n") if suffix == ".txt" else ROWS


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "input"]


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".json", ".csv"])
@pytest.mark.parametrize("encoding", MARKS)
def test_a_mark_is_honoured_and_told_once_where_it_is_not_that_of_utf_8(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, encoding: str, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(MARKS[encoding] + text_of(suffix).encode(encoding))
    source = open_source(str(path))
    for _ in range(2):
        assert [item for item, _, _ in source.records()] == items_in(suffix)
    is_usual = encoding == "utf-8"
    assert told(caplog) == ([] if is_usual else [f"{path} is read with encoding {encoding}"])


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".json", ".csv"])
@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "gb18030", "utf-7"]
)
def test_an_encoding_that_is_asked_for_is_read_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, encoding: str, suffix: str
) -> None:
    raw = text_of(suffix).encode(encoding)
    reading = ReadingOptions(encoding=encoding)
    records = records_of(tmp_path / f"a{suffix}", raw, reading=reading)
    assert [item for item, _, _ in records] == items_in(suffix)
    same = records_of(tmp_path / f"b{suffix}", text_of(suffix).encode())
    assert records == same  # and known by the same bytes
    assert told(caplog) == []


def test_another_mark_than_asked_for_is_an_input_error(tmp_path: Path) -> None:
    reading = ReadingOptions(encoding="cp1252")
    for encoding in ("utf-8-sig", "utf-16"):
        with pytest.raises(InputError, match=r"encoding is cp1252, and .* begins with the byte"):
            items_of(tmp_path / "a.txt", "é".encode(encoding), reading=reading)


@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_what_is_not_utf_8_is_kept_and_told_once_with_its_line_and_a_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"head\nok\ncaf\xe9\nx\nb\xe9\xff\n")
    source = open_source(str(path))
    for _ in range(3):
        items = [item for item, _, _ in source.records()]
        cells = items[1:] if suffix == ".txt" else [item["head"] for item in items]
        assert cells == ["ok", "caf\udce9", "x", "b\udce9\udcff"]
    assert told(caplog) == [
        f"{path} line 3 is not UTF-8 (byte 0xe9); it is kept as it is; the option encoding says "
        "what it is, such as cp1252",
        f"{path}: 2 lines are not UTF-8",
    ]


@pytest.mark.parametrize(
    ("encoding", "raw", "item"),
    [
        ("cp1252", b"\xe9\x81", "é\udc81"),
        ("ascii", "é".encode(), "\udcc3\udca9"),  # and no é
        ("gbk", b"\xc4\xe3\xff", "你\udcff"),
        ("utf-16-le", "x".encode("utf-16-le") + b"\x3d\xd8", "x\ud83d"),
        ("utf-16-le", b"x\0\x3d\xd8y\0", "x\ud83dy"),
        ("utf-16-be", b"\0x\0", "x\udc00"),  # cut off
        ("utf-32-le", b"x\0\0\0\1\2\3\4", "x\udc01\udc02\udc03\udc04"),
    ],
)
def test_what_another_encoding_has_no_character_for_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, encoding: str, raw: bytes, item: str
) -> None:
    reading = ReadingOptions(encoding=encoding)
    assert items_of(tmp_path / "a.txt", raw, reading=reading) == [item]
    assert f"line 1 is not {encoding.upper()}; it is kept as it is" in told(caplog)[0]


@pytest.mark.parametrize("encoding", [*MARKS, "shift_jis", "cp1252"])
def test_text_does_not_depend_on_how_its_bytes_arrive(encoding: str) -> None:
    text = "é€ß\nab\n" if encoding == "cp1252" else "あい\nab\n"
    raw = MARKS.get(encoding, b"") + text.encode(encoding)
    asked = None if encoding in MARKS else encoding
    for size in (1, 2, 3, len(raw)):
        blocks = [raw[at : at + size] for at in range(0, len(raw), size)]
        assert b"".join(TextEncoding("a", asked).utf8_blocks(blocks)) == text.encode()


def test_an_encoding_that_was_named_is_not_advised(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert items_of(tmp_path / "a.txt", b"a\x81b\n", reading=ReadingOptions(encoding="cp1252"))
    [message] = told(caplog)
    assert message.endswith("a.txt line 1 is not CP1252; it is kept as it is")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_the_order_of_bytes_without_a_mark_is_told_by_the_first_letter(
    tmp_path: Path, encoding: str
) -> None:
    reading = ReadingOptions(encoding=encoding[:6])
    assert items_of(tmp_path / "a.txt", "x\né".encode(encoding), reading=reading) == ["x", "é"]


def test_an_empty_input_and_a_mark_alone_have_no_items(tmp_path: Path) -> None:
    for raw in (b"", *MARKS.values()):
        assert items_of(tmp_path / "a.txt", raw) == []


def test_a_line_of_json_that_is_no_text_fails_alone(tmp_path: Path) -> None:
    good, bad = records_of(tmp_path / "a.jsonl", b'"\xc3\xa9"\n"\xe9"\n')
    assert good[0] == "é"
    assert failure_of(bad)[1].startswith("not UTF-8: byte 2 of the line is 0xe9")


def test_a_long_line_that_was_cut_in_a_character_is_not_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = records_of(tmp_path / "a.txt", "aéé\nb\n".encode(), max_record_bytes=2)
    assert "max_record_bytes" in failure_of(records[0])[1]
    assert told(caplog) == []


def test_the_number_of_items_in_utf_16_is_guessed_as_in_utf_8(tmp_path: Path) -> None:
    sizes = []
    for encoding in ("utf-8", "utf-16"):
        path = tmp_path / f"{encoding}.txt"
        path.write_text("0123456789\n" * 1000, encoding=encoding)
        source = open_source(str(path))
        next(source.records())
        sizes.append(source.size_bytes)
    assert sizes == [11000, 11001]


def test_what_is_read_from_a_stream_is_read_as_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import io

    raw = text_of(".csv").encode("utf-16")
    feed(monkeypatch, io.BytesIO(raw))  # type: ignore[arg-type]
    items = [item for item, _, _ in open_source("-", input_format="csv").records()]
    assert items == items_of(tmp_path / "a.csv", raw) == ROWS


def test_a_run_in_utf_16_goes_on_and_follows_changes(tmp_path: Path) -> None:
    source, output = tmp_path / "a.csv", tmp_path / "out.jsonl"
    called: list[str] = []

    def call(row: dict[str, str]) -> str:
        called.append(row["n"])
        return row["n"]

    def write(numbers: range) -> None:
        source.write_text("n,x\n" + "".join(f"{n},é\n" for n in numbers), encoding="utf-16")

    write(range(5))
    batchmap.run(call, source, output, limit=2)
    batchmap.run(call, source, output, mode="resume")
    assert sorted(called) == list("01234")
    write(range(7))
    batchmap.run(call, source, output, mode="resume")
    write(range(2, 8))
    outcome = batchmap.run(call, source, output, mode="sync")
    assert sorted(called) == list("01234567")
    assert outcome.sync is not None
    assert (outcome.sync.kept, outcome.sync.new, outcome.sync.gone) == (5, 1, 2)


def test_bad_lines_are_counted_from_the_first_line_of_a_block() -> None:
    bad = BadText(TextEncoding("a", "utf-8"))
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("input")
    logger.addHandler(handler)
    try:
        assert bad.decoded(b"a\n\xff", 7) == "a\n\udcff"
    finally:
        logger.removeHandler(handler)
    assert records[0].startswith("a line 8 is not UTF-8")
