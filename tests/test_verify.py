"""`batchmap verify`: output, journal and errors file agree, or what does not is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.run_command import Done, Place, place

__all__ = ["place"]

FORMATS = ["jsonl", "csv", "parquet"]
PROGRAM = "from batchmap.command.entry_point import entry_point; entry_point()"


def verified(place: Place, *words: str) -> Done:
    library = str(ROOT / "packages" / "batchmap")
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "verify", *words],
        cwd=place.directory,
        env={**os.environ, "PYTHONPATH": library},
        capture_output=True,
        text=True,
    )


def snapshot(place: Place) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in place.directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_run_that_ended_agrees(place: Place, suffix: str) -> None:
    place.write("rows.py", "def f(item):\n    assert item != '3'\n    return {'v': item}\n")
    place.run("rows.py:f", "in.txt", "-o", f"out.{suffix}")
    before = snapshot(place)
    done = verified(place, f"out.{suffix}")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"out.{suffix}: 10 items, 9 of them results and 1 failed, all as the journal says\n",
        "",
    )
    assert snapshot(place) == before


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_run_that_was_stopped_is_told(place: Place, suffix: str) -> None:
    place.write("rows.py", "def f(item):\n    assert item != '3'\n    return {'v': item}\n")
    words = ["rows.py:f", "in.txt", "-k", "-o", f"out.{suffix}", "--halt", "1", "--batch-size", "1"]
    assert place.run(*words, "--backend", "sequential").returncode == 4
    done = verified(place, f"out.{suffix}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "all as the journal says; its run was stopped before its end" in done.stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("out.jsonl", 0, b'{"index": 0', b'{"index": 1'), "bytes 0 to "),
        (("out.jsonl", -1, b"", b"more\n"), "5 bytes that are not recorded"),
        (("out.jsonl.errors.jsonl", 0, b'"index": 1', b'"index": 3'), "errors.jsonl line 1 is"),
        (("out.jsonl.errors.jsonl", -1, b"", b"{}\n"), "errors.jsonl line 6 is not what"),
    ],
)
def test_what_does_not_agree_is_named(
    place: Place, change: tuple[str, int, bytes, bytes], message: str
) -> None:
    place.run("tasks.py:odd_fails", "in.txt", "-k", "-o", "out.jsonl")
    name, at, old, new = change
    path = place.directory / name
    content = path.read_bytes()
    path.write_bytes(content + new if at else content.replace(old, new, 1))
    done = verified(place, "out.jsonl")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert message in done.stderr


def test_wrong_words(place: Place) -> None:
    for words, code, message in (
        ([], 2, "verify needs an OUTPUT"),
        (["none.jsonl"], 2, "there is no none.jsonl"),
        (["in.txt"], 3, "in.txt has no journal"),
        (["s3://bucket/x.jsonl"], 2, "takes a file, and no URL"),
        (["in.txt", "more"], 2, "one argument too many"),
    ):
        done = verified(place, *words)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
        assert message in done.stderr


def test_what_helps_is_named_by_its_option_of_the_command(place: Place) -> None:
    place.write("rows.py", "def f(item):\n    return int(item)\n")
    place.run("rows.py:f", "in.txt", "-o", "out.jsonl")
    output = place.directory / "out.jsonl"
    output.write_text(output.read_text().replace('"result": 3', '"result": 4'))
    done = verified(place, "out.jsonl")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert done.stderr.endswith("or --overwrite begins anew\n")
