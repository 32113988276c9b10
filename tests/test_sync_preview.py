"""`--dry-run --sync`: what a sync would do, before it does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, OutputError
from batchmap.job import Job
from batchmap.options import JobOptions
from batchmap.run_outcome import SyncCounts
from batchmap.sources.python_items import PythonItems

from tests.run_command import Place, ended, place
from tests.syncing import calls, sync_directory, work

__all__ = ["place", "sync_directory"]


@contextmanager
def job(items: list[Any], output: str = "out.jsonl", **options: Any) -> Iterator[Job]:
    """Open a job that syncs; its fingerprint is that of no function."""
    wanted = JobOptions(
        output=Path(output), sync=True, keep_order=True, backend="sequential", **options
    )
    with Job(work, wanted, source=PythonItems(items)) as opened:
        yield opened


def preview(items: list[Any], output: str = "out.jsonl", **options: Any) -> SyncCounts:
    """Preview a sync, and check that it neither calls nor writes."""
    calls.clear()
    before = {path: path.read_bytes() for path in Path().iterdir()}
    with job(items, output, **options) as opened:
        found = opened.preview_sync()
    assert calls == []
    assert {path: path.read_bytes() for path in Path().iterdir()} == before
    return found


def synced(items: list[Any], output: str = "out.jsonl", **options: Any) -> SyncCounts | None:
    with job(items, output, **options) as opened:
        opened.open()
        for _ in opened.execute():
            pass
        return opened.outcome().sync


def rows(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.csv.gz", "out.parquet"])
def test_it_counts_what_the_sync_then_does(output: str) -> None:
    synced(rows(*"abcdef"), output)
    for names in ("abcdef", "bXcaYef", "", "bXcaYef", "bXcaYefgh", "hgfeYacXb", "bb"):
        found = preview(rows(*names), output)
        assert synced(rows(*names), output) == found
        assert len(calls) == found.new + found.changed
        assert found.kept + found.new + found.changed == len(names)
    assert found == SyncCounts(kept=1, moved=0, new=1, changed=0, gone=8)


def test_of_an_output_that_is_not_there_all_items_are_new() -> None:
    assert preview(rows("a", "b")) == SyncCounts(kept=0, moved=0, new=2, changed=0, gone=0)
    assert list(Path().iterdir()) == []


def test_failed_items_are_kept_unless_they_are_to_be_tried_again() -> None:
    synced(["a", "bad", "b"])
    assert preview(["a", "bad", "b"]).kept == 3
    found = preview(["a", "bad", "b"], retry_failed=True)
    assert (found.kept, found.new) == (2, 1)


def test_the_limit_holds() -> None:
    synced([*"abc"])
    found = preview([*"aXbcd"], limit=4)
    assert (found.kept, found.new, found.gone) == (3, 1, 0)


def test_what_a_sync_that_was_stopped_has_done_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    synced([*"abc"])
    with monkeypatch.context() as patch:
        patch.setattr("batchmap.checkpoint.sync.rewrite", lambda *_, **__: False)
        synced([*"Xabc"])
    found = preview([*"XabcY"])
    assert (found.kept, found.new) == (4, 1)
    assert synced([*"XabcY"]) == found
    assert calls == ["Y"]


def test_it_refuses_what_the_sync_would_refuse() -> None:
    synced(rows("a", "b"))
    with pytest.raises(InputError, match="which item it is was record when"):
        preview(rows("a", "b"), key="name")
    text = Path("out.jsonl").read_text()
    Path("out.jsonl").write_text(text.replace('"a"', '"x"'))
    with pytest.raises(OutputError, match="not what the run wrote"):
        preview(rows("a", "b"))
    for left in (text[:9], None):
        Path("out.jsonl").write_text(left or "")
        if left is None:
            Path("out.jsonl").unlink()
        with pytest.raises(OutputError, match="is shorter than its journal says; the same command"):
            preview(rows("a", "b"))
    Path("other.jsonl").write_text("mine\n")
    with pytest.raises(OutputError, match="has no journal, so nobody knows what it holds"):
        preview(rows("a", "b"), "other.jsonl")


def test_the_command_says_it(place: Place) -> None:
    words = ["tasks.py:counted", "in.txt", "-o", "out.jsonl", "--sync"]
    place.run(*words)
    place.write("in.txt", "1\n0\n2\n3\n4\n5\n6\n7\nnew\n")
    before = place.names()
    done = place.run(*words, "--dry-run")
    assert ended(done) == (0, [])
    assert done.stdout == (
        "Dry run\n"
        "- Sync: 8 kept (1 of them moved), 0 new, 1 changed, 1 gone\n"
        "- To be done: 1 item\n"
    )
    assert (place.names(), len(place.text("calls"))) == (before, 10)
    place.write("tasks.py", place.text("tasks.py").replace('calls.write("x")', 'calls.write("y")'))
    code, [line] = ended(place.run(*words, "--dry-run"))
    assert (code, "the task's code has changed" in line) == (3, True)
    assert ended(place.run(*words, "--dry-run", "--accept-task")) == (0, [])
