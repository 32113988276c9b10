"""Nothing lost, nothing twice: syncs that fail, outputs and journals that somebody changed."""

from __future__ import annotations

import errno
import os
import random
import shutil
from pathlib import Path

import pytest
from batchmap.checkpoint.journal_file import _empty_journal

from tests.conftest import rest_slow
from tests.run_command import Place, ended, place

__all__ = ["place"]

FORMATS = ["jsonl", "csv", "parquet"]

FAILING_SYNC = """
import errno, os, stat, time

syncs = 0
sizes = {{}}

def fails_once(real):
    def sync(handle):
        global syncs
        syncs += 1
        state = os.fstat(handle)
        if syncs == {number}:
            # As the kernel does: what could not be written is dropped, and later syncs succeed.
            if stat.S_ISREG(state.st_mode):
                os.ftruncate(handle, sizes.get(state.st_ino, 0))
                os.ftruncate(handle, state.st_size)
            raise OSError(errno.{error}, os.strerror(errno.{error}))
        sizes[state.st_ino] = state.st_size
        return real(handle)
    return sync

from batchmap.sinks.text_file import append_file
from batchmap.storage import atomic_write
append_file._sync_data = fails_once(append_file._sync_data)
os.fsync = fails_once(os.fsync)

def row(item):
    time.sleep(0.25 if item in ("2", "5", "8") else 0)  # which is committed at once
    return {{"v": item}}
"""


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (4, "EIO"),
        *(
            pytest.param(number, error, marks=pytest.mark.slow)
            for number, error in (
                (5, "ENOSPC"),
                (2, "EIO"),
                (4, "ENOSPC"),
                (5, "EIO"),
                (6, "EIO"),
                (7, "EIO"),
            )
        ),
    ],
)
@pytest.mark.parametrize("suffix", FORMATS)
def test_what_a_failed_sync_leaves_is_done_again(
    place: Place, suffix: str, number: int, error: str
) -> None:
    place.write("failing.py", FAILING_SYNC.format(number=number, error=error))
    output = f"out.{suffix}"
    words = ["failing.py:row", "in.txt", "-k", "-o", output, "--backend", "sequential"]
    done = place.run(*words, "--batch-size", "1")
    assert done.returncode == 3
    assert output in done.stderr
    assert os.strerror(getattr(errno, error)) in done.stderr or "disk full" in done.stderr
    words[0] = "tasks.py:row"
    done = place.run(*words, "--resume", "--accept-task")
    assert (done.returncode, done.stderr) == (0, "")
    place.check(output, range(10))


def changed_in(place: Place, output: str) -> Path:
    """Return the file that holds the output's results before it is complete."""
    parts = sorted((place.directory / f"{output}.parts").glob("part-*"))
    return parts[0] if parts else place.directory / output


def with_a_byte_flipped(path: Path, number: int) -> None:
    content = bytearray(path.read_bytes())
    content[number] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("suffix", "is_finished"),
    rest_slow(
        3,
        ("jsonl", True),
        ("csv", False),
        ("parquet", True),
        ("jsonl", False),
        ("csv", True),
        ("parquet", False),
    ),
)
def test_an_output_that_was_edited_at_the_same_size_is_noticed(
    place: Place, suffix: str, is_finished: bool
) -> None:
    output = f"out.{suffix}"
    words = ["tasks.py:odd_fails", "in.txt", "-k", "--record", "result", "-o", output]
    if not is_finished:
        words += ["--halt", "1"]
    assert place.run(*words).returncode == (1 if is_finished else 4)
    changed = changed_in(place, output)
    with_a_byte_flipped(changed, 6)
    before = changed.read_bytes()
    done = place.run(*words, "--resume")
    assert done.returncode == 3
    assert "not what the run wrote" in done.stderr
    assert "--overwrite begins anew" in done.stderr
    assert done.stderr.count("\n") == 1
    assert changed.read_bytes() == before, "nothing was changed"
    done = place.run(*words, "--overwrite")
    assert done.returncode == (1 if is_finished else 4)


@pytest.mark.parametrize("suffix", rest_slow(1, "jsonl", "csv"))
def test_what_the_error_advises_helps(place: Place, suffix: str) -> None:
    output = place.directory / f"out.{suffix}"
    words = ["tasks.py:row", "in.txt", "-k", "-o", output.name]
    assert ended(place.run(*words)) == (0, [])
    place.numbers(20)
    assert ended(place.run(*words, "--resume")) == (0, [])
    with_a_byte_flipped(output, output.stat().st_size - 3)
    done = place.run(*words, "--resume")
    assert done.returncode == 3
    os.truncate(output, int(done.stderr.partition("truncate -s ")[2].partition(")")[0]))
    done = place.run(*words, "--resume")
    assert done.returncode == 0
    place.check(output.name, range(20))


@pytest.mark.parametrize("is_finished", rest_slow(1, False, True))
def test_a_journal_with_a_flipped_bit_is_right_or_refused(place: Place, is_finished: bool) -> None:
    place.numbers(300)
    words = ["tasks.py:odd_fails", "in.txt", "-k", "-o", "out.jsonl"]
    place.run(*words, *([] if is_finished else ["--limit", "100", "--halt", "20"]))
    saved = {name: (place.directory / name).read_bytes() for name in place.names()}
    journal = place.directory / "out.jsonl.journal"
    chance = random.Random(17)
    outcomes = set()
    for number in [16, 60, 68, *(chance.randrange(len(saved[journal.name])) for _ in range(6))]:
        for name, content in saved.items():
            place.write(name, content)
        with_a_byte_flipped(journal, number)
        done = place.run(*words, "--resume")
        outcomes.add(done.returncode)
        if done.returncode == 3:
            assert "journal" in done.stderr
            assert done.stderr.count("\n") == 1
        else:
            assert (done.returncode, done.stderr) == (1, ""), number
            indexes = [line["index"] for line in place.results("out.jsonl")]
            assert indexes == list(range(0, 300, 2))
            assert [line["index"] for line in place.failures()] == list(range(1, 300, 2))
    assert 3 in outcomes


def test_a_damaged_journal_is_begun_anew_on_request(place: Place) -> None:
    words = ["tasks.py:same", "in.txt", "-o", "out.jsonl"]
    assert ended(place.run(*words)) == (0, [])
    journal = place.directory / "out.jsonl.journal"
    journal.write_bytes(journal.read_bytes()[:9000])
    done = place.run(*words, "--resume")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "is damaged" in done.stderr
    assert ended(place.run(*words, "--overwrite")) == (0, [])
    place.check("out.jsonl", range(10))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((60, b"\0\0\0\1"), "is a journal of version 1, and this program writes 4"),
        ((60, b"\0\0\0\x63"), "is a journal of version 99, and this program writes 4"),
        ((68, b"mine"), "is not a journal of this program; move it away"),
    ],
)
def test_a_journal_of_others_is_left_as_it_is(
    place: Place, change: tuple[int, bytes], message: str
) -> None:
    words = ["tasks.py:same", "in.txt", "-o", "out.jsonl"]
    assert ended(place.run(*words)) == (0, [])
    journal = place.directory / "out.jsonl.journal"
    content = bytearray(journal.read_bytes())
    content[change[0] : change[0] + 4] = change[1]
    journal.write_bytes(content)
    for flag in ("--resume", "--overwrite"):
        done = place.run(*words, flag)
        assert done.returncode == 3
        assert message in done.stderr
        assert journal.read_bytes() == content
    place.check("out.jsonl", range(10))


@pytest.mark.parametrize(
    "kind", rest_slow(3, "parts", "foreign", "draft of failures", "link", "draft")
)
def test_what_no_journal_vouches_for_is_left_alone(place: Place, kind: str) -> None:
    words = ["tasks.py:row", "in.txt", "-k", "-o", "out.parquet"]
    directory = place.directory / "out.parquet.parts"
    if kind == "parts":
        assert place.run(*words, "--halt", "1", "--limit", "5").returncode == 0
        place.run("tasks.py:odd_fails", "in.txt", "-o", "out.parquet", "--overwrite", "--halt", "1")
        (place.directory / "out.parquet.journal").unlink()
        assert list(directory.iterdir())
    elif kind == "link":
        (place.directory / "theirs").mkdir()
        directory.symlink_to("theirs")
    elif kind == "foreign":
        directory.mkdir()
    if directory.exists():
        (directory / "part-000001.parquet").write_text("mine")
        (directory / ".draft-000009.parquet").write_text("mine")
    elif kind == "draft":
        place.write(".draft-out.parquet", "mine")
    else:
        place.write(".draft-out.parquet.errors.jsonl", "mine")
    before = {path: path.read_bytes() for path in place.directory.rglob("*") if path.is_file()}
    for flags, code in ([], 2), (["--resume"], 3):
        done = place.run(*words, *flags)
        assert done.returncode == code, done.stderr
        assert "exists and there is no journal, so nobody knows whose it is" in done.stderr
        assert done.stderr.count("\n") == 1
    left = {path: path.read_bytes() for path in place.directory.rglob("*") if path.is_file()}
    assert {path: left.get(path) for path in before} == before


def test_a_second_run_by_a_hard_link_is_refused(place: Place) -> None:
    place.gates()
    words = ["tasks.py:gated", "in.txt", "--backend", "thread", "--batch-size", "1", "-o"]
    assert place.run(*words[:1], "in.txt", "--limit", "2", "-o", "out.jsonl").returncode == 0
    os.link(place.directory / "out.jsonl", place.directory / "other.jsonl")
    shutil.copy(place.directory / "out.jsonl.journal", place.directory / "other.jsonl.journal")
    with place.running(*words, "out.jsonl", "--resume") as run:
        (place.directory / "up").read_text()
        done = place.run(
            "tasks.py:gated", "in.txt", "-o", "other.jsonl", "--resume", "--limit", "2"
        )
        assert done.returncode == 75, done.stderr
        assert "another run holds other.jsonl, perhaps by another name" in done.stderr
        (place.directory / "go").write_text("")
        assert run.wait(60) == 0
    place.check("out.jsonl", range(10))


def test_a_journal_that_is_begun_to_be_written_is_written_anew(place: Place) -> None:
    words = ["tasks.py:same", "in.txt", "-o", "out.jsonl"]
    start = _empty_journal()
    assert len(start) == 24576
    for content in (b"", start[:1], bytes(24576), bytes(4096) + start[4096:8192]):
        for name in place.names():
            (place.directory / name).unlink()
        place.write("out.jsonl.journal", content)
        assert ended(place.run(*words)) == (0, [])
        place.check("out.jsonl", range(10))


def test_a_merged_output_whose_number_of_parts_was_changed_is_noticed(place: Place) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    words = ["tasks.py:row", "in.txt", "-k", "-o", "out.parquet"]
    for count in (10, 20, 30):
        place.numbers(count)
        assert ended(place.run(*words, *(["--resume"] if count > 10 else []))) == (0, [])
    output = place.directory / "out.parquet"
    table = parquet.read_table(output)
    assert table.schema.metadata[b"parts"] == b"3"
    for number in (b"0", b"1", b"2", b"4"):
        parquet.write_table(table.replace_schema_metadata({b"parts": number}), output)
        before = output.read_bytes()
        done = place.run(*words, "--resume")
        assert (done.returncode, done.stderr.count("\n")) == (3, 1)
        assert "out.parquet: is not what the run wrote" in done.stderr
        assert output.read_bytes() == before


def test_a_journal_with_text_that_is_none_is_damaged(place: Place) -> None:
    words = ["tasks.py:odd_fails", "in.txt", "-o", "out.jsonl"]
    assert place.run(*words).returncode == 1
    journal = place.directory / "out.jsonl.journal"
    journal.write_bytes(journal.read_bytes().replace(b"ValueError", b"Value\xff\xfe\xfdor"))
    done = place.run(*words, "--resume")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "is damaged (a row is not what was written)" in done.stderr
    assert place.run(*words, "--overwrite").returncode == 1
