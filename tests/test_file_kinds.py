"""What a file is, its bytes say, whatever its name: nothing is read as what it is not."""

from __future__ import annotations

import gzip
import io
import lzma
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
from batchmap.command.errors import flag_spelling
from batchmap.errors import InputError, UsageError
from batchmap.sources import ReadingOptions, open_source
from batchmap.sources.opening.file_kinds import kind_of

from tests.source_inputs import Pieces, feed, items_of
from tests.store_servers import web_server

LINES = b"one\ntwo\n"


def packed_tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = len(LINES)
        archive.addfile(info, io.BytesIO(LINES))
    return file.getvalue()


def packed_zip(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, raw in members.items():
            archive.writestr(name.replace("__", "."), raw)
    return file.getvalue()


def parquet() -> bytes:
    file = io.BytesIO()
    table = import_module("pyarrow").table({"a": [1, 2]})
    import_module("pyarrow.parquet").write_table(table, file)
    return file.getvalue()


def feather() -> bytes:
    file = io.BytesIO()
    import_module("pyarrow.feather").write_feather(import_module("pyarrow").table({"a": [1]}), file)
    return file.getvalue()


def workbook() -> bytes:
    file = io.BytesIO()
    book = import_module("openpyxl").Workbook()
    book.active.append(["a"])
    book.active.append([1])
    book.save(file)
    return file.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
GREEK = "όνομα,έτος\nΆννα,1984\n"
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a.xls": (lambda: OLE, "before 2007, such as .xls, or one with a password, which is not read"),
    "a.feather": (feather, "is Feather (Arrow), which is not read; save it as Parquet"),
    "a.tar": (packed_tar, "is a tar archive, which is not read; unpack it"),
    "a.tgz": (lambda: gzip.compress(packed_tar()), "is a tar archive, compressed, which is not"),
    "a.txt.gz": (
        lambda: gzip.compress(gzip.compress(LINES)),
        "is compressed more than once, which",
    ),
    "a.pdf": (lambda: b"%PDF-1.7\n%text", "is a PDF, which is not read; a quoted pattern"),
    "a.png": (lambda: b"\x89PNG\r\n\x1a\n\0", "is a PNG image, which is not read; a pattern"),
    "a.db": (lambda: b"SQLite format 3\0" + bytes(99), "is an SQLite database, which is not"),
    "a.mp4": (lambda: b"\0\0\0\x18ftypmp42", "is a film (MP4), or an image (HEIC, AVIF), which"),
    "a.webp": (
        lambda: b"RIFF\x08\0\0\0WEBPVP8 ",
        "is a WebP image, or a WAV or AVI file, which is",
    ),
    "a.mp3": (lambda: b"ID3\x03\0\0", "is an MP3 file, which is not read; a quoted pattern"),
    "a.lzma": (lambda: lzma.compress(LINES, lzma.FORMAT_ALONE), "is LZMA-compressed, which is"),
    **{
        f"a{level}.zz": (
            partial(zlib.compress, LINES, level),
            "is zlib-compressed, which is not read; decompress",
        )
        for level in (1, 2, 6, 9)
    },
    "a.pkl": (lambda: pickle.dumps({"a": 1}), "is a pickle of Python, which is not read; save it"),
    "a.sav": (lambda: b"$FL2@(#) SPSS\0\2", "is a file of SPSS, which is not read; save it as Par"),
    "a.duckdb": (lambda: bytes(8) + b"DUCK" + bytes(99), "is a DuckDB database, which is not read"),
    "a.rtf": (lambda: b"{\\rtf1 text}", "is a text of a word processor (RTF), which is not read"),
    "lfs.csv": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "is a pointer of Git LFS, and not the file, which is not read; git lfs pull fetches that",
    ),
    "a.docx": (
        lambda: packed_zip(**{"[Content_Types]__xml": b"", "word/document__xml": b""}),
        "is a file of Microsoft Office, which is not read",
    ),
    "empty.zip": (packed_zip, "is a zip archive that holds no file"),
    "two.zip": (
        lambda: packed_zip(a__txt=LINES, b__txt=LINES),
        "is a zip archive that holds 2 files (a.txt, b.txt), and one with a single file is read; "
        "unpack it; --rows takes the rows of all files in it where its name ends with .zip",
    ),
    "page.csv": (lambda: b"\n<!DOCTYPE html>\n<html>\n", "is HTML, and CSV is expected; it may be"),
    "page.jsonl": (lambda: b"<HTML>\n</HTML>", "is HTML, and JSON Lines is expected; it may be an"),
    "data.json": (
        lambda: b'<?xml version="1.0"?>',
        "is XML, and JSON is expected; it may be an er",
    ),
    "rows.csv": (
        lambda: b'{"a": 1}\n{"a": 2}\n',
        "is JSON, and CSV with a header is expected; --input-format json reads arrays, and objects",
    ),
    "array.csv": (
        lambda: b'[\n  {\n    "a": 1\n  }\n]',
        "is JSON, and CSV with a header is expected",
    ),
    "utf16.jsonl": (lambda: "[1]\n".encode("utf-16-le"), "is UTF-16-LE, and UTF-8 is expected"),
    "utf16.csv": (lambda: "a,b\n".encode("utf-16-be"), "is UTF-16-BE, and UTF-8 is expected"),
    "utf32.csv": (lambda: "a,b\n".encode("utf-32-le"), "is UTF-32-LE, and UTF-8 is expected"),
    "greek.csv": (lambda: GREEK.encode("utf-16-le"), "is UTF-16-LE, and UTF-8 is expected"),
    "greek.txt": (lambda: GREEK.encode("utf-16-be"), "is UTF-16-BE, and UTF-8 is expected"),
    "print0.txt": (
        lambda: b"./a\0./b\0",
        "byte 4 of it is NUL, so it is no UTF-8 text; --input-format nul reads texts between NULs",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("prefix", ["", "plain"])
def test_what_is_not_read_is_refused_by_what_it_is(tmp_path: Path, name: str, prefix: str) -> None:
    make, message = REFUSED[name]
    path = tmp_path / (prefix or name)
    path.write_bytes(make())
    if prefix and name.endswith(("jsonl", "json", "csv")):
        pytest.skip("without its suffix it is text")
    with pytest.raises(InputError) as caught:
        list(open_source(str(path)).records())
    [line] = caught.value.lines(flag_spelling)
    assert line.startswith(f"{path}: ")
    assert message in line


@pytest.mark.parametrize("name", ["a.xls", "a.feather", "a.zip", "a.PDF", "a.db"])
@pytest.mark.parametrize("raw", [b"a,b\n1,2\n", b""])
def test_text_under_the_name_of_what_is_no_text_is_refused(
    tmp_path: Path, name: str, raw: bytes
) -> None:
    with pytest.raises(InputError) as caught:
        items_of(tmp_path / name, raw)
    [line] = caught.value.lines(flag_spelling)
    assert ", by its content it is not; copy it again; or, where it is text" in line
    if raw:
        assert items_of(tmp_path / name, raw, input_format="csv") == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize("name", ["plain", "a.txt", "a.csv"])
def test_a_file_that_is_read_by_position_needs_no_suffix(tmp_path: Path, name: str) -> None:
    rows = [{"a": 1}, {"a": 2}]
    assert items_of(tmp_path / name, parquet()) == rows
    assert items_of(tmp_path / name, workbook()) == rows[:1]
    assert items_of(tmp_path / name, packed_zip(b__json=b'[{"a": 1}]')) == rows[:1]


def test_a_format_that_the_file_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        items_of(tmp_path / "a", parquet(), input_format="text")
    [line] = caught.value.lines(flag_spelling)
    assert line == f"{tmp_path}/a is Parquet; leave out --input-format text"
    with pytest.raises(InputError, match="cannot be read as an Excel workbook"):
        items_of(tmp_path / "a.xlsx", LINES)


@pytest.mark.parametrize("make", [parquet, workbook, lambda: packed_zip(a=LINES)])
def test_on_standard_input_it_is_told_to_be_saved(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], bytes]
) -> None:
    feed(monkeypatch, io.BytesIO(make()))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="not read like this; save it to a file, and name that"):
        list(open_source("-").records())


@pytest.mark.parametrize(
    "text",
    [
        b"PAR1 is a golf course\n",
        b"ORC\n",
        b"Rar!\n",
        b"BZh9 is no mark\n",
        b"PK\n",
        b"GIF8\n",
        b"P",
    ],
)
def test_a_text_may_begin_as_other_files_do(tmp_path: Path, text: bytes) -> None:
    assert kind_of(text) is None
    assert items_of(tmp_path / "a.txt", text) == [text.decode().strip("\n")]


@pytest.mark.parametrize("header", ["{a},b", '{"a"},b', "[x],b", "{"])
def test_a_header_may_begin_with_a_bracket(tmp_path: Path, header: str) -> None:
    names = header.split(",")
    raw = f"{header}\n{','.join(names)}\n".encode()
    assert items_of(tmp_path / "a.csv", raw) == [dict(zip(names, names, strict=True))]


def test_rows_without_a_header_may_hold_json(tmp_path: Path) -> None:
    reading = ReadingOptions(no_header=True, delimiter="\t")
    raw = b'{"a": 1}\tx\n'
    rows = [{"column_1": '{"a": 1}', "column_2": "x"}]
    assert items_of(tmp_path / "a.csv", raw, reading=reading) == rows


@pytest.mark.parametrize("before", [0, 1, 4000])
@pytest.mark.parametrize("piece_bytes", [1, 1 << 16])
def test_a_nul_may_be_in_a_text(
    monkeypatch: pytest.MonkeyPatch, before: int, piece_bytes: int
) -> None:
    feed(monkeypatch, Pieces(b"ok\n" * before + b"x\0y\nlast\n", piece_bytes))
    items = [item for item, _, _ in open_source("-").records()]
    assert items == ["ok"] * before + ["x\0y", "last"]


@pytest.mark.parametrize("piece_bytes", [1, 1 << 16])
def test_texts_between_nuls_are_no_lines(monkeypatch: pytest.MonkeyPatch, piece_bytes: int) -> None:
    feed(monkeypatch, Pieces(b"a\nb\0c\0" * 9999, piece_bytes))
    with pytest.raises(InputError, match="byte 4 of it is NUL"):
        list(open_source("-").records())
    feed(monkeypatch, Pieces(b"a\nb\0c\0", piece_bytes))
    items = [item for item, _, _ in open_source("-", input_format="nul").records()]
    assert items == ["a\nb", "c"]


def test_a_member_of_a_zip_with_a_password_is_told(tmp_path: Path) -> None:
    raw = bytearray(packed_zip(a=LINES))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + at] |= 1
    with pytest.raises(InputError, match=r"a in it has a password; unpack it first"):
        items_of(tmp_path / "a.zip", bytes(raw))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.parquet", "is not Parquet, or damaged"),
        ("a.xlsx", "cannot be read as an Excel workbook"),
    ],
)
def test_what_is_damaged_in_a_zip_is_the_file_in_it(
    tmp_path: Path, name: str, message: str
) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(packed_zip(**{name.replace(".", "__"): b"PAR1"}))
    with pytest.raises(InputError, match=message) as caught:
        list(open_source(str(path)).records())
    assert "damaged zip" not in str(caught.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_flipped_bytes_of_a_zip_are_text_or_an_input_error(tmp_path: Path, method: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a.txt", b"one\ntwo\n" * 999)
    for at in range(35, len(file.getvalue()), 7):
        raw = bytearray(file.getvalue())
        raw[at] ^= 0xFF
        path = tmp_path / "a.zip"
        path.write_bytes(raw)
        with suppress(InputError):
            list(open_source(str(path)).records())


def test_a_zip_that_is_damaged_gives_a_line(tmp_path: Path) -> None:
    raw = packed_zip(a=b"one\n" * 9999)
    with pytest.raises(InputError, match="damaged zip"):
        items_of(tmp_path / "a.zip", raw[:-30])
    with pytest.raises(InputError, match="damaged zip"):
        items_of(tmp_path / "a.zip", raw.replace(b"one\none", b"oNe\none", 1))


@pytest.mark.parametrize("sends_parts", [True, False])
def test_the_web_may_send_a_file_packed_or_without_a_suffix(sends_parts: bool) -> None:
    files = {"/a.txt": gzip.compress(LINES), "/b": parquet(), "/c.txt": parquet()}
    with web_server(files, sends_parts=sends_parts) as server:
        assert [item for item, _, _ in open_source(f"{server.url}/a.txt").records()] == [
            "one",
            "two",
        ]
        with pytest.raises(InputError, match="is Parquet, which is not read like this"):
            list(open_source(f"{server.url}/c.txt").records())
        if sends_parts:
            rows = [item for item, _, _ in open_source(f"{server.url}/b").records()]
            assert rows == [{"a": 1}, {"a": 2}]
