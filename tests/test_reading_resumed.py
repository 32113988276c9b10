"""A run goes on with its input read as before, or says what differs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import batchmap
import pytest
from batchmap.errors import InputError, UsageError

from tests.run_command import Place, ended, place

__all__ = ["place"]

TEXT = "id;name\n1;a\n2;b\n3;c\n"


def run(folder: Path, text: str | None = None, mode: str = "new", **options: Any) -> list[Any]:
    """Run over `text`, and return the items for which the function was called."""
    called: list[Any] = []
    source = folder / "in.csv"
    if text is not None:
        source.write_text(text)
    batchmap.run(
        lambda item: called.append(item) or 1,  # type: ignore[func-returns-value]
        source,
        folder / "out.jsonl",
        mode=mode,  # type: ignore[arg-type]
        backend="sequential",
        **options,
    )
    return called


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "delimiter",
            ",",
            "delimiter was ';' when the run began and is ',' now; delimiter=';' reads",
        ),
        ("encoding", "latin-1", "encoding was 'utf-8' when the run began and is 'iso8859-1' now"),
        ("no_header", True, "no_header was not given when the run began and is True now"),
        ("columns", ["x", "y"], "columns was not given when the run began and is 'x,y' now"),
        ("quote", "none", "quote was not given when the run began and is none now"),
        ("skip_lines", 1, "skip_lines was not given when the run began and is 1 now"),
        ("select", "name", "select was not given when the run began and is 'name' now"),
    ],
)
def test_a_resume_that_reads_otherwise_is_refused(
    tmp_path: Path, name: str, value: Any, message: str
) -> None:
    run(tmp_path, TEXT, limit=1)
    before = (tmp_path / "out.jsonl").read_bytes()
    for mode in ("resume", "sync"):
        with pytest.raises(InputError, match=message):
            run(tmp_path, mode=mode, **{name: value})
    assert (tmp_path / "out.jsonl").read_bytes() == before


def test_what_was_taken_from_the_input_may_be_said_as_an_option_and_left_out_again(
    tmp_path: Path,
) -> None:
    run(tmp_path, TEXT, limit=1)
    assert run(tmp_path, mode="resume", limit=2, delimiter=";", encoding="utf-8") == [
        {"id": "2", "name": "b"}
    ]
    assert run(tmp_path, mode="resume") == [{"id": "3", "name": "c"}]


def test_an_encoding_by_its_mark_may_be_said_as_an_option(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(TEXT, encoding="utf-16")
    run(tmp_path, limit=1, input_format="text")
    for options in ({"encoding": "utf-16", "limit": 3}, {}):
        assert run(tmp_path, mode="resume", input_format="text", **options)  # type: ignore[arg-type]


def test_options_go_on_as_they_were(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "delimiter": ";", "encoding": "utf-8", "columns": "a,b", "quote": "none", "select": ["b"],
        "skip_lines": 1,
    }  # fmt: skip
    run(tmp_path, TEXT, limit=1, **options)
    assert run(tmp_path, mode="resume", **options) == [{"b": "b"}, {"b": "c"}]
    changed = TEXT.replace("2;b", "2;x")
    assert run(tmp_path, changed, mode="sync", **options) == [{"b": "x"}]


def test_an_input_that_has_grown_is_read_as_before_or_not_at_all(tmp_path: Path) -> None:
    run(tmp_path, "a;b,c\n1;2,3\n")  # by commas, as both fit
    with pytest.raises(InputError, match=r"delimiter was ',' .* is ';' now; delimiter=',' reads"):
        run(tmp_path, "a;b,c\n1;2,3\n4;5\n6;7\n", mode="resume")
    assert run(tmp_path, mode="resume", delimiter=",") == []  # they fail, as rows of one cell


def test_a_sync_takes_another_delimiter_from_an_input_that_was_written_anew(
    tmp_path: Path,
) -> None:
    run(tmp_path, TEXT)
    assert run(tmp_path, TEXT.replace(";", ","), mode="sync") == [
        {"id": "1", "name": "a"}, {"id": "2", "name": "b"}, {"id": "3", "name": "c"}
    ]  # fmt: skip
    assert run(tmp_path, mode="sync") == []
    assert run(tmp_path, mode="resume") == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": "ab"}, "delimiter must be one character, tab or auto, got 'ab'"),
        ({"delimiter": '"'}, "delimiter must be one character"),
        ({"delimiter": ";", "quote": ";"}, "delimiter and quote are both ';'; change one of them"),
        ({"encoding": "utf-61"}, "an encoding that Python knows.*did you mean utf-16"),
        ({"encoding": "rot13"}, "an encoding that Python knows"),
        ({"quote": "''"}, "quote must be one character or none"),
        ({"columns": "a,a"}, "columns has the name 'a' twice"),
        ({"columns": "a,,b"}, "columns: a name is empty"),
        ({"select": []}, "select must be names with commas between them"),
        ({"skip_lines": -1}, "skip_lines must be at least 0"),
        ({"input_format": "jsonl", "skip_lines": 1}, "skip_lines is for CSV"),
    ],
)
def test_wrong_values_and_combinations_are_errors_that_write_nothing(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run(tmp_path, TEXT, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_auto_is_the_default(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = {"delimiter": "auto", "encoding": "auto"}
    assert run(tmp_path, TEXT, **options)[0] == {"id": "1", "name": "a"}
    notices = [one for one in caplog.records if one.name == "input"]
    assert [one.levelno for one in notices] == [logging.WARNING]  # read many times, told once


def test_the_command_says_once_what_it_took_also_when_an_item_ends_its_process(
    place: Place,
) -> None:
    place.write("dies.py", "import os\ndef f(row): os._exit(9) if row['id'] == '2' else 0\n")
    place.write("in.csv", TEXT)
    words = ("dies.py:f", "in.csv", "-o", "out.jsonl", "--no-progress")
    code, lines = ended(place.run(*words, quiet=False))
    assert code == 1
    assert [line for line in lines if "delimiter" in line] == [
        "warning: in.csv is read with delimiter ';'"
    ]
    code, lines = ended(place.run(*words, "--overwrite", "--select", "nam"))
    assert (code, lines) == (
        3, ["--select 'nam': in.csv has no such column; did you mean name?; it has id, name"]
    )  # fmt: skip
