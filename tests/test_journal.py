"""The journal: what it holds of a run, and that one run holds it at a time."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from batchmap.checkpoint import Journal
from batchmap.errors import OutputError, OutputHeldError

from tests.conftest import ROOT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl.journal"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    yield opened
    opened.close()


def digests(*names: str) -> bytes:
    return b"".join(name.encode().ljust(16) for name in names)


def test_what_was_committed_is_there_again(journal: Journal, path: Path) -> None:
    journal.begin({"task": "a"})
    journal.add_done(4, 2, digests("e", "f"), 20)
    journal.add_done(0, 2, digests("a", "b"), 40)
    journal.add_failed(2, digests("c"), '{"index": 2}')
    journal.commit()
    journal.add_done(9, 1, digests("z"), 99)
    journal.close()
    again = Journal(path)
    assert again.fingerprint == {"task": "a"}
    assert again.output_end == 40
    assert again.counts() == (4, 1)
    assert list(again.ranges()) == [
        (0, 2, digests("a", "b")),
        (2, 1, digests("c")),
        (4, 2, digests("e", "f")),
    ]
    assert list(again.failure_lines()) == ['{"index": 2}']
    again.close()


def test_what_lies_beyond_the_output_is_forgotten(journal: Journal) -> None:
    journal.begin({})
    journal.add_done(0, 1, digests("a"), 10)
    journal.add_stretch(10, b"first")
    journal.commit()
    journal.add_done(1, 2, digests("b", "c"), 30)
    journal.add_done(3, 1, digests("d"), 40)
    journal.add_stretch(40, b"second")
    journal.commit()
    assert journal.cut(39) == 3, "of a commit, all or nothing"
    assert journal.output_end == 10
    assert list(journal.stretches()) == [(10, b"first")]
    assert [first for first, _, _ in journal.ranges()] == [0]


def finished_in(path: Path) -> list[tuple[str]]:
    """Return what the file of a journal that is closed says of the end of its run."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT value FROM run WHERE name = 'finished'").fetchall()


def test_failures_can_be_forgotten_and_the_end_is_noted(journal: Journal, path: Path) -> None:
    journal.begin({})
    journal.add_failed(3, digests("d"), "{}")
    journal.commit()
    journal.finish()
    journal.close()
    assert finished_in(path) == [("true",)]
    again = Journal(path)
    again.go_on({"more": 1}, retry_failed=True)
    assert again.counts() == (0, 0)
    assert again.fingerprint == {"more": 1}
    again.close()
    assert finished_in(path) == [("false",)]


def test_items_can_be_noted_while_those_that_are_done_are_read(journal: Journal) -> None:
    journal.begin({})
    for item in range(5):
        journal.add_done(item, 1, digests(str(item)), item)
    journal.commit()
    seen = []
    for first, _, _ in journal.ranges():
        seen.append(first)
        journal.add_done(100 + first, 1, digests("n"), 100 + first)
        journal.commit()
    assert seen == [0, 1, 2, 3, 4]


def test_a_second_holder_is_refused_also_in_another_process(journal: Journal, path: Path) -> None:
    with pytest.raises(OutputHeldError, match="another run holds"):
        Journal(path)
    code = "import pathlib, sys; from batchmap.checkpoint import Journal; "
    code += "Journal(pathlib.Path(sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "packages" / "batchmap")}
    words = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert "OutputHeldError" in done.stderr
    journal.close()
    Journal(path).close()


def test_what_is_no_journal_is_left_alone(path: Path) -> None:
    path.write_text("no database at all, but a text of some length " * 50)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="is not a journal of this program"):
        Journal(path)
    assert path.read_bytes() == before
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (x)")
    other.close()
    with pytest.raises(OutputError, match="not a journal of this program"):
        Journal(path)


def test_a_directory_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be used"):
        Journal(tmp_path / "nowhere" / "out.journal")


def test_only_the_journal_itself_is_left_when_it_is_closed(journal: Journal, path: Path) -> None:
    journal.begin({})
    journal.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
