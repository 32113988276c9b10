"""Parquet in part files of a size: the rows of each are those of a fresh run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, OutputError, run
from batchmap.checkpoint.verification import verify_output
from batchmap.sources import open_source
from pyarrow import parquet

from tests.conftest import ROOT, rest_slow
from tests.syncing import stopped_sync, sync, sync_directory

__all__ = ["sync_directory"]

OUTPUT = "out.parquet"
SIZE = 3000


def row(number: int) -> dict[str, Any]:
    found = {"id": number, "text": f"{number * 7919}" * (number % 40)}
    return {**found, "late": [number]} if number % 400 == 399 else found


def split(numbers: Any, output: str = OUTPUT, **options: Any) -> Any:
    options = {"keep_order": True, **options}
    return run(row, list(numbers), output, split_size_bytes=SIZE, **options)


def rows_of_parts(output: str = OUTPUT) -> dict[str, list[Any]]:
    return {
        path.name: parquet.read_table(path).to_pylist() for path in sorted(Path(output).iterdir())
    }


def same_as_fresh(numbers: Any) -> None:
    shutil.rmtree("fresh", ignore_errors=True)
    Path("fresh").mkdir()
    split(numbers, "fresh/out.parquet", backend="sequential")
    assert rows_of_parts() == rows_of_parts("fresh/out.parquet")
    schemas = {str(parquet.read_schema(path).remove_metadata()) for path in Path(OUTPUT).iterdir()}
    assert len(schemas) == 1
    found = verify_output(Path(OUTPUT), Path(f"{OUTPUT}.errors.jsonl"))
    assert found.differences == []
    assert found.is_finished
    assert not Path(f"{OUTPUT}.parts").exists()


def test_parts_have_about_the_size_and_are_read_as_one_input() -> None:
    split(range(1500))
    found = rows_of_parts()
    assert list(found) == [f"part-{number:06}.parquet" for number in range(1, len(found) + 1)]
    assert len(found) > 10
    sizes = [path.stat().st_size for path in sorted(Path(OUTPUT).iterdir())]
    assert min(sizes[:-1]) >= SIZE
    read = [item["id"] for item, _, _ in open_source(OUTPUT).records()]
    assert read == list(range(1500))


@pytest.mark.parametrize("limit", rest_slow(1, 300, 1, 1499))
def test_a_run_that_goes_on_divides_the_rows_as_a_fresh_one(limit: int) -> None:
    split(range(1500), limit=limit)
    split(range(1500), mode="resume")
    same_as_fresh(range(1500))


def test_it_is_synced_to_what_a_fresh_run_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    split(range(900), workers=4, batch_size=7, keep_order=None)
    Path(OUTPUT, "foreign.txt").write_text("kept")
    numbers = [2000, *range(100, 800), 5]
    stopped_sync(monkeypatch, numbers, OUTPUT, row, split_size_bytes=SIZE)
    assert sync(numbers, OUTPUT, row, split_size_bytes=SIZE) is not None
    assert Path(OUTPUT, "foreign.txt").read_text() == "kept"
    Path(OUTPUT, "foreign.txt").unlink()
    same_as_fresh(numbers)
    assert sync(numbers, OUTPUT, row, split_size_bytes=SIZE) == (len(numbers), 0, 0, 0, 0)


def test_without_results_there_is_one_part_and_the_run_goes_on() -> None:
    split([])
    assert rows_of_parts() == {"part-000001.parquet": []}
    split(range(500), mode="resume")
    same_as_fresh(range(500))


def test_what_was_changed_or_removed_is_noticed() -> None:
    split(range(900))
    parts = sorted(Path(OUTPUT).iterdir())
    for part in (parts[0], parts[1], parts[-1]):
        whole = part.read_bytes()
        part.unlink()
        with pytest.raises(OutputError, match="is not what the run wrote"):
            split(range(1000), mode="resume")
        part.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
        with pytest.raises(OutputError, match="is not what the run wrote"):
            split(range(1000), mode="resume")
        part.write_bytes(whole)
    split(range(1000), mode="resume")
    same_as_fresh(range(1000))


def test_overwriting_drops_the_part_files_and_nothing_else() -> None:
    split(range(900))
    Path(OUTPUT, "foreign.parquet").write_text("somebody's")
    split(range(3), mode="overwrite")
    assert sorted(path.name for path in Path(OUTPUT).iterdir()) == [
        "foreign.parquet", "part-000001.parquet"
    ]  # fmt: skip
    with pytest.raises(InputError, match="split_size_bytes was 3000 when the run began and is 9"):
        run(row, range(3), OUTPUT, mode="resume", split_size_bytes=9000)


KILLED = """
import os, signal, sys
from batchmap import run
from batchmap.sinks.parquet.parts import LocalParquetParts

mode, at = sys.argv[1], int(sys.argv[2])
LocalParquetParts.commit_every_s = 0
calls = 0
def counted(function):
    def call(*arguments):
        global calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return call
os.replace, os.unlink = counted(os.replace), counted(os.unlink)
os.fsync, os.rmdir = counted(os.fsync), counted(os.rmdir)
first = 0 if mode == "resume" else 3
run(lambda number: {"id": number, "text": f"{number}" * 400}, range(first, 18), "out.parquet",
    mode=mode, keep_order=True, backend="sequential", batch_size=9, split_size_bytes=1500)
"""


@pytest.mark.parametrize("every", rest_slow(1, 11, 3))
def test_runs_and_syncs_that_are_killed_at_many_acts_go_on(every: int) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    for mode, first in (("resume", 0), ("sync", 3)):
        for at in range(1, 300, every):
            done = subprocess.run(
                [sys.executable, "-c", KILLED, mode, f"{at}"],
                env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                break
            assert done.returncode == -signal.SIGKILL, done.stderr
        assert at > 5
        found = rows_of_parts()
        assert len(found) > 2
        ids = [row["id"] for rows in found.values() for row in rows]
        assert ids == list(range(first, 18))
        run(
            lambda number: {"id": number, "text": f"{number}" * 400},
            range(first, 18), f"fresh-{mode}.parquet", split_size_bytes=1500, keep_order=True,
        )  # fmt: skip
        assert found == rows_of_parts(f"fresh-{mode}.parquet")
