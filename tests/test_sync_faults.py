"""Syncs that are stopped, and outputs, inputs and tasks that they cannot go on with."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, OutputError, run

from tests.syncing import (
    calls,
    lines,
    results,
    stopped_sync,
    sync,
    work,
)
from tests.syncing import sync_directory as sync_directory  # a fixture of every test here


def test_a_stopped_run_is_completed(tmp_path: Path) -> None:
    run(work, lines(*"abcdefgh"), "out.jsonl", limit=3, backend="sequential")
    assert (sync(lines(*"Xabcdefgh")), calls) == ((3, 0, 6, 0, 0), [*"Xdefgh"])
    assert results() == [*"XABCDEFGH"]


def test_an_output_that_was_changed_is_refused() -> None:
    sync(lines(*"ab"))
    Path("out.jsonl").write_text(Path("out.jsonl").read_text().replace("A", "Z"))
    with pytest.raises(OutputError, match="not what the run wrote"):
        sync(lines(*"abc"))


def test_an_output_that_is_shorter_has_its_items_done_again() -> None:
    sync(lines(*"abc"))
    Path("out.jsonl").write_bytes(b"")
    assert (sync("in.txt"), calls) == ((0, 0, 3, 0, 0), [*"abc"])
    assert results() == [*"ABC"]


def test_a_rename_that_the_journal_has_not_noted_yet_is_adopted() -> None:
    """Between the two, the power may be lost."""
    sync(lines(*"ab"))
    old = Path("out.jsonl").read_bytes()
    sync(lines(*"Xab"))
    new = Path("out.jsonl").read_bytes()
    with closing(sqlite3.connect("out.jsonl.journal")) as sql:
        [fingerprint] = sql.execute("SELECT value FROM run WHERE name = 'fingerprint'").fetchone()
        tables = {table: sql.execute(f"SELECT * FROM {table}").fetchall() for table in STATE}
    assert json.loads(fingerprint)["identity"] == "record"
    for is_renamed in (True, False):
        run(work, lines(*"ab"), "out.jsonl", mode="overwrite", keep_order=True)
        assert Path("out.jsonl").read_bytes() == old
        _write_replacement(tables)
        if is_renamed:
            Path("out.jsonl").write_bytes(new)
        else:
            Path(".draft-out.jsonl").write_bytes(new)
        kept = 3 if is_renamed else 2
        assert (sync(lines(*"Xab")), calls) == ((kept, 0, 3 - kept, 0, 0), ["X"][: 3 - kept])
        assert Path("out.jsonl").read_bytes() == new


def test_an_output_that_is_gone_with_its_draft_is_written_anew() -> None:
    sync(lines(*"ab"))
    _write_replacement({"done": [], "stretch": []})
    Path("out.jsonl").unlink()
    assert (sync("in.txt"), calls) == ((0, 0, 2, 0, 0), ["a", "b"])
    assert results() == ["A", "B"]


STATE = ("done", "failed", "stretch")


def _write_replacement(tables: dict[str, list[Any]]) -> None:
    """Write rows as those of an output that is about to replace the present one."""
    from batchmap.checkpoint.journal import Journal
    from batchmap.checkpoint.journal_replacement import replacing

    journal = Journal(Path("out.jsonl.journal"))
    fingerprint = journal.fingerprint
    assert fingerprint is not None
    with replacing(journal, fingerprint) as new:
        for _, first, number, entries, rows, end, _ in tables["done"]:
            new.add_done(first, number, entries, end, rows)
        for end, digest, _ in tables["stretch"]:
            new.add_stretch(end, digest)
    journal.close()


def test_what_a_stopped_sync_tried_again_is_not_lost_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sync(lines("a"))
    names = lines("a", "bad", "worse")
    stopped_sync(monkeypatch, names)
    assert [*calls] == ["bad", "worse"]
    assert (sync(names, retry_failed=True), calls) == ((1, 0, 2, 0, 0), ["bad", "worse"])
    failures = map(json.loads, Path("out.jsonl.errors.jsonl").read_text().splitlines())
    assert [failure["index"] for failure in failures] == [1, 2]


def test_another_format_of_the_input_is_refused() -> None:
    sync(lines("1", "2"))
    Path("in.txt").rename("in.jsonl")
    with pytest.raises(InputError, match="input_format was text when the run began and is jsonl"):
        sync("in.jsonl")


def test_an_empty_journal_vouches_for_no_output() -> None:
    lines("a")
    Path("out.jsonl").write_text("precious")
    for mode in ("new", "resume", "sync"):
        Path("out.jsonl.journal").write_bytes(b"")
        with pytest.raises(OutputError, match="a journal without a run"):
            run(work, "in.txt", "out.jsonl", mode=mode)
        assert Path("out.jsonl.journal").read_bytes() == b"", "what is refused is left as it is"
    assert Path("out.jsonl").read_text() == "precious"


def test_a_wrong_key_costs_no_output() -> None:
    rows = [{"id": 1}]
    sync(rows)
    with pytest.raises(InputError, match="no such field"):
        run(work, rows, "out.jsonl", mode="overwrite", key="ix")
    assert results() == rows


def test_results_beside_an_output_with_other_columns_are_done_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def named(item: str) -> dict[str, str]:
        calls.append(item)
        return {item[0]: item}

    sync(["a1", "a2"], "out.csv", named)
    stopped_sync(monkeypatch, ["b1", "b2"], "out.csv", named)
    sync(["a1", "b1"], "out.csv", named)
    assert Path("out.csv").read_text() == 'a,_extra\na1,\n,"{""b"": ""b1""}"\n'
    assert calls == ["b1"]


def test_an_accepted_task_is_remembered_and_what_was_done_with_it_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sync(lines("a"))
    sync("in.txt", function=counted_item, accept_task=True)
    stopped_sync(monkeypatch, lines("a", "b"), function=counted_item)
    assert (sync("in.txt", accept_task=True), calls) == ((2, 0, 0, 0, 0), [])
    assert results() == ["A", "b"]


def counted_item(item: str) -> str:
    calls.append(item)
    return item


def test_files_that_are_not_of_the_run_are_left_alone() -> None:
    sync(lines("a"))
    draft = Path(".draft-out.jsonl")
    draft.write_text("mine")
    with pytest.raises(OutputError, match="nobody knows whose it is"):
        sync(lines("a", "b"))
    assert draft.read_text() == "mine"
    draft.unlink()
    sync("in.txt")
    run(work, "in.txt", "out.jsonl.sync", output_format="jsonl")
    with pytest.raises(OutputError, match="is the output of another run"):
        sync("in.txt")
    assert len(results("out.jsonl.sync")) == 2
    for path in Path().glob("out.jsonl.sync*"):
        path.unlink()


def test_what_a_sync_left_is_removed_by_a_resume_to_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sync(lines("a"))
    stopped_sync(monkeypatch, lines("a", "b"))
    assert Path("out.jsonl.sync").exists()
    run(work, "in.txt", "out.jsonl", mode="resume", keep_order=True)
    assert results() == ["A", "B"]


def test_a_draft_of_the_errors_file_that_a_killed_sync_left_is_removed(tmp_path: Path) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("1\nx\n2\n")
    errors = tmp_path / "errors.jsonl"
    run(int, str(source), str(output), errors=str(errors))
    draft = tmp_path / ".draft-errors.jsonl"
    draft.write_text("half of a li")
    before = errors.read_text()
    run(int, str(source), str(output), mode="sync", errors=str(errors))
    assert (draft.exists(), errors.read_text()) == (False, before)
