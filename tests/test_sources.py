"""Sources: every line is an item, whatever is in it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from batchmap.command.errors import flag_spelling
from batchmap.errors import InputError, UsageError
from batchmap.options.locations import input_source
from batchmap.sources import TextLines, open_source
from batchmap.storage import INPUT_FORMATS, INPUT_SUFFIXES


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


def test_the_place_of_a_line_is_its_file_and_number(tmp_path: Path) -> None:
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


def first_item(spec: Path | str, **more: Any) -> Any:
    return next(open_source(str(spec), **more).records())[0]


@pytest.mark.parametrize(
    ("name", "raw", "item"),
    [
        ("a.txt", b"[1]\n", "[1]"),
        ("a.log", b"[1]\n", "[1]"),
        ("a", b"[1]\n", "[1]"),
        ("a.jsonl.bak", b"[1]\n", "[1]"),
        ("a.jsonl", b"[1]\n", [1]),
        ("a.NDJSON", b"[1]\n", [1]),
        ("a.json", b"[1]\n", 1),
        ("a.csv", b"a\tb,c\n1\t2,3\n", {"a\tb": "1\t2", "c": "3"}),
        ("a.tsv", b"a\tb,c\n1\t2,3\n", {"a": "1", "b,c": "2,3"}),
    ],
)
def test_the_suffix_tells_the_format(tmp_path: Path, name: str, raw: bytes, item: Any) -> None:
    (tmp_path / name).write_bytes(raw)
    assert first_item(tmp_path / name) == item


def test_a_format_that_is_given_overrides_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"[1]\n")
    assert first_item(path, input_format="text") == "[1]"
    assert first_item(path, input_format="jsonl") == [1]
    assert first_item(path, input_format="json") == 1


def test_an_unknown_format_is_a_usage_error_with_the_list() -> None:
    with pytest.raises(UsageError) as caught:
        open_source("-", input_format="jsnol")
    assert str(caught.value) == (
        "input_format must be one of text, nul, jsonl, json, csv, tsv, parquet, xlsx, files, "
        "errors, got 'jsnol'; did you mean jsonl?"
    )
    assert caught.value.lines(flag_spelling)[0].startswith("--input-format must be one of text, ")


def test_each_format_has_a_source() -> None:
    for input_format in set(INPUT_FORMATS) - {"parquet", "xlsx", "files"}:  # by position; paths
        assert open_source("-", input_format=input_format).name == "standard input"
    assert set(INPUT_SUFFIXES.values()) <= set(INPUT_FORMATS)


@pytest.mark.parametrize(
    ("spec", "input_format", "message"),
    [
        ("-", "parquet", "Parquet cannot be read from standard input"),
        ("ftq://host/a.txt", None, "ftq:// is not known; did you mean ftp?; known are sqlite:///"),
        ("sqlite:///a.db?query=SELECT 1", "csv", "; leave out --input-format csv, or "),
        ("nowhere/*.csv", "csv", "; leave out --input-format csv, or name one file"),
    ],
)
def test_words_that_make_no_sense_are_a_usage_error(
    spec: str, input_format: str | None, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        open_source(spec, input_format=input_format)
    [line] = caught.value.lines(flag_spelling)
    assert message in line


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "is a directory"),
        ("missing.txt", "there is no such file"),
        ("a.txt/b", "cannot be read"),
        ("folder", "is a directory"),
        ("nul\0", "cannot be read"),
        ("x" * 5000, "cannot be read"),
        ("*.nothing", r"no file matches \*.nothing"),
        ("fold*", r"no file matches fold\*"),
    ],
)
def test_what_is_no_file_is_an_input_error_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=message) as caught:
        open_source(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.touch(mode=0)
    with pytest.raises(InputError, match="Permission denied"):
        open_source(str(path))


def test_a_file_with_the_name_of_a_pattern_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a[1].txt").write_text("inside")
    (tmp_path / "a1.txt").touch()
    assert first_item("a[1].txt") == "inside"
    assert [item for item, _, _ in open_source("./a[12].txt").records()] == ["./a1.txt"]


def test_a_fault_of_the_disk_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "memory.txt"
    path.symlink_to("/proc/self/mem")
    if not path.is_file():
        pytest.skip("there is no such file to be had here")
    with pytest.raises(InputError, match=r"memory.txt: cannot be read \(Input/output error\)"):
        list(open_source(str(path)).records())


def test_parquet_in_a_pipe_is_a_usage_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="Parquet is read from a plain file only"):
        open_source(str(tmp_path / "a.parquet"))


def test_a_dead_link_that_matches_is_an_item(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to("nowhere")
    (tmp_path / "folder.txt").mkdir()
    names = [item for item, _, _ in open_source(f"{tmp_path}/*.txt").records()]
    assert names == [f"{tmp_path}/a.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("pattern", ["*/a.txt", "**/*.txt", "*/*/a.txt"])
def test_a_warning_names_directories_that_may_not_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, pattern: str
) -> None:
    for name in ("open/deep", "closed/deep"):
        (tmp_path / name).mkdir(parents=True)
        for place in (tmp_path / name).parents[0], tmp_path / name:
            (place / "a.txt").touch()
    (tmp_path / "closed").chmod(0)
    try:
        open_source(f"{tmp_path}/{pattern}")
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert f"{tmp_path}/closed cannot be looked into" in caplog.text


def test_links_in_circles_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("tree/sub/b.txt", "tree/a.txt", "tree/.hidden/c.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("tree/sub/up").symlink_to("..")
    Path("tree/sub/again").symlink_to("../../tree")
    for pattern, names in {
        "tree/**/*.txt": ["tree/a.txt", "tree/sub/b.txt"],
        "**/b.txt": ["tree/sub/b.txt"],
        "./tree/**": ["./tree/a.txt", "./tree/sub/b.txt"],
        f"{tmp_path}/**/s*/*.txt": [f"{tmp_path}/tree/sub/b.txt"],
        "**/**/a.txt": ["tree/a.txt"],
        "tree/sub/up/*.txt": ["tree/sub/up/a.txt"],
    }.items():
        assert [item for item, _, _ in open_source(pattern).records()] == names


def test_a_home_directory_and_braces_are_what_a_shell_makes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.jpg", "c.gif", "d{x}.png", "e{1,2}.txt"):
        (tmp_path / name).write_text("inside\n")
    for pattern, names in {
        "~/*.{jpg,png}": ["a.png", "b.jpg", "d{x}.png"],
        "~/{a,b,c}.{png,{jpg,gif}}": ["a.png", "b.jpg", "c.gif"],
        "~/d{x}.*": ["d{x}.png"],
        "~/{a.png,no.png}": ["a.png"],
    }.items():
        found = [item for item, _, _ in open_source(pattern).records()]
        assert found == [f"{tmp_path}/{name}" for name in names]
    assert first_item("~/a.png", input_format="text") == "inside"
    assert first_item("e{1,2}.txt") == "inside"
    assert [item for item, _, _ in open_source("{b,a}.*").records()] == ["a.png", "b.jpg"]
    assert input_source("~/a.png", "--input") == f"{tmp_path}/a.png"
    with pytest.raises(InputError, match=r"~nobody-of-that-name/a\.txt: there is no such file"):
        open_source("~nobody-of-that-name/a.txt")


def test_a_url_of_a_file_here_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_text("blank")
    (tmp_path / "a%25.txt").write_text("as spelled")
    for spelled, item in {
        "a%20b.txt": "blank",
        "a b.txt": "blank",
        "a%25.txt": "as spelled",
    }.items():
        assert first_item(f"file://{tmp_path}/{spelled}") == item
        assert first_item(f"file://localhost{tmp_path}/{spelled}") == item


@pytest.mark.parametrize("spelled", ["what?.db", "what%3F.db"])
def test_the_name_of_a_database_may_hold_a_question_mark(tmp_path: Path, spelled: str) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "what?.db")) as database, database:
        database.execute("create table one as select 1 as a")
    assert first_item(f"sqlite:///{tmp_path}/{spelled}?query=select * from one") == {"a": 1}


def test_a_parameter_of_a_database_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"if sqlite:///a\.db is meant, leave out \?mode=ro, and"):
        open_source("sqlite:///a.db?mode=ro?query=select 1")
