"""An output in part files of a size: what fresh runs write, whatever becomes of the run."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, OutputError, UsageError, run
from batchmap.checkpoint.verification import verify_output
from batchmap.sources.listing.inputs import open_inputs

from tests.conftest import ROOT, rest_slow
from tests.syncing import stopped_sync, sync, sync_directory, work

__all__ = ["sync_directory"]

SIZE = 1000
OUTPUTS = ["out.jsonl", "out.csv", "out.tsv", "out.jsonl.gz", "out.csv.zst"]


@pytest.fixture(params=OUTPUTS)
def output(request: pytest.FixtureRequest) -> str:
    if request.param.endswith(".zst"):
        pytest.importorskip("zstandard")
    return str(request.param)


def rows(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": number, "text": f'ä\t,"{number}"\n'.ljust(number % 150)} for number in numbers]


def split(items: list[Any], output: str, **options: Any) -> Any:
    return run(work, items, output, split_size_bytes=SIZE, keep_order=True, **options)


def parts(output: str) -> dict[str, bytes]:
    """Return the text of each part file by name, in their order."""
    read: dict[str, Any] = {".gz": gzip.decompress, ".zst": unpacked}
    return {
        path.name: read.get(path.suffix, bytes)(path.read_bytes())
        for path in sorted(Path(output).iterdir())
    }


def unpacked(data: bytes) -> bytes:
    import zstandard

    return bytes(
        zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(data)
    )


def same_as_fresh(output: str, items: list[Any]) -> None:
    shutil.rmtree("fresh", ignore_errors=True)
    Path("fresh").mkdir()
    fresh = f"fresh/{output}"
    run(
        work, items, fresh, keep_order=True, split_size_bytes=SIZE, backend="sequential",
        batch_size=len(items) or 1,
    )  # fmt: skip
    assert parts(output) == parts(fresh)
    found = verify_output(Path(output), Path(f"{output}.errors.jsonl"))
    assert found.differences == []
    assert found.is_finished


def test_a_part_ends_with_the_result_that_reaches_the_size_and_each_has_the_header(
    output: str,
) -> None:
    split(rows(*range(100)), output)
    found = parts(output)
    kind = output.removeprefix("out")
    assert list(found) == [f"part-{number:06}{kind}" for number in range(1, len(found) + 1)]
    assert len(found) > 5
    for text in list(found.values())[:-1]:
        assert SIZE <= len(text) < SIZE + 300
    run(work, rows(*range(100)), f"whole{kind}", keep_order=True)
    Path("one").mkdir()
    shutil.move(f"whole{kind}", f"one/whole{kind}")
    [whole] = parts("one").values()
    has_header = ".jsonl" not in kind
    first, *others = [text.partition(b"\n") for text in found.values()]
    headers = {first[0], *(header for header, _, _ in others)}
    if has_header:
        assert len(headers) == 1
        assert b"".join([*first, *(text for _, _, text in others)]) == whole
    else:
        assert b"".join(found.values()) == whole


def test_the_rows_of_its_directory_are_the_results_in_order(output: str) -> None:
    split(rows(*range(60)), output)
    read = [item for item, _, _ in open_inputs((output,), rows=True).records()]
    results = [item.get("result", item) for item in read]
    assert [int(result["id"]) for result in results] == list(range(60))


@pytest.mark.parametrize("limit", [1, 7, 30])
def test_a_run_that_goes_on_fills_the_last_part(output: str, limit: int) -> None:
    split(rows(*range(60)), output, limit=limit)
    split(rows(*range(60)), output, mode="resume")
    same_as_fresh(output, rows(*range(60)))


def test_without_results_there_is_one_part_and_the_run_goes_on(output: str) -> None:
    split([], output)
    assert parts(output) == {f"part-000001{output.removeprefix('out')}": b""}
    split(rows(*range(30)), output, mode="resume")
    same_as_fresh(output, rows(*range(30)))


def test_what_is_behind_the_last_commit_goes_and_what_is_missing_is_done_again(output: str) -> None:
    split(rows(*range(60)), output)
    kept = Path("kept")
    shutil.copytree(output, kept)
    kind = output.removeprefix("out")
    last = max(Path(output).iterdir())
    more = f"part-{int(last.name[5:11]) + 1:06}{kind}"

    def longer() -> None:
        (Path(output) / more).write_bytes(min(kept.iterdir()).read_bytes())

    def shorter() -> None:
        last.write_bytes(last.read_bytes()[:-1])

    def without_last() -> None:
        last.unlink()

    def nothing() -> None:
        shutil.rmtree(output)

    for damage in (longer, shorter, without_last, nothing):
        damage()
        assert verify_output(Path(output), Path(f"{output}.errors.jsonl")).differences
        split(rows(*range(60)), output, mode="resume")
        same_as_fresh(output, rows(*range(60)))


def test_what_was_changed_or_is_missing_between_others_is_noticed(output: str) -> None:
    split(rows(*range(60)), output)
    second, third = sorted(Path(output).iterdir())[1:3]
    whole = second.read_bytes()
    middle = len(whole) // 2
    flips = [1, middle] if "." not in output.removeprefix("out.") else [middle]
    for at in flips:  # of a header, and of a row
        second.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(OutputError, match="not what the run wrote"):
            split(rows(*range(60)), output, mode="resume")
    second.unlink()
    with pytest.raises(OutputError, match=f"{second.name} is missing among its part files"):
        split(rows(*range(60)), output, mode="resume")
    assert third.exists()


def test_it_is_synced_to_what_a_fresh_run_writes(output: str) -> None:
    run(work, rows(*range(60)), output, split_size_bytes=SIZE, workers=4, batch_size=1)
    items = [*rows(77), *rows(*range(9)), *rows(*range(12, 40)), *rows(3, 99)]
    Path(output, "foreign.txt").write_text("kept")
    assert sync(items, output, split_size_bytes=SIZE) is not None
    assert Path(output, "foreign.txt").read_text() == "kept"
    Path(output, "foreign.txt").unlink()
    same_as_fresh(output, items)
    before = {path: path.stat().st_mtime_ns for path in Path(output).iterdir()}
    assert sync(items, output, split_size_bytes=SIZE) == (len(items), 0, 0, 0, 0)
    assert {path: path.stat().st_mtime_ns for path in Path(output).iterdir()} == before


def test_a_sync_that_was_stopped_goes_on(output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    split(rows(*range(30)), output)
    items = rows(50, *range(30))
    stopped_sync(monkeypatch, items, output, split_size_bytes=SIZE)
    assert sync(items, output, split_size_bytes=SIZE) is not None
    same_as_fresh(output, items)


def test_failed_items_are_taken_again(output: str) -> None:
    items = [*rows(*range(20)), "bad", *rows(*range(20, 40))]
    assert split(items, output).failed == 1
    mended = {"id": 99, "text": "mended"}
    run(lambda item: mended if item == "bad" else item, items, output, mode="resume",
        retry_failed=True, accept_task=True, split_size_bytes=SIZE)  # fmt: skip
    found = verify_output(Path(output), Path(f"{output}.errors.jsonl"))
    assert (found.results, found.failures, found.differences) == (41, 0, [])


@pytest.mark.parametrize("output", ["out.csv", "out.csv.gz"])
def test_a_column_that_comes_late_is_in_the_header_of_each_part(output: str) -> None:
    items = [*rows(*range(150)), {"id": 150, "late": "x"}, *rows(*range(151, 170))]
    split(items, output)
    assert {text.partition(b"\n")[0] for text in parts(output).values()} == {b"id,text,_extra"}
    same_as_fresh(output, items)


def test_a_directory_that_is_there_is_left_alone() -> None:
    Path("out.csv").mkdir()
    split(rows(1), "out.csv")  # it was empty
    with pytest.raises(UsageError, match=r"out.csv exists; mode='resume' goes on with it"):
        split(rows(1), "out.csv")
    Path("other.csv").mkdir()
    Path("other.csv/part-000001.csv").write_text("somebody's")
    Path("other.csv/notes.txt").write_text("somebody's")
    with pytest.raises(UsageError, match=r"other.csv exists and is not empty; mode='overwrite'"):
        split(rows(1), "other.csv")
    with pytest.raises(
        OutputError, match=r"other.csv has no journal, so nobody knows what it hold"
    ):
        split(rows(1), "other.csv", mode="resume")
    assert Path("other.csv/part-000001.csv").read_text() == "somebody's"
    split(rows(*range(30)), "other.csv", mode="overwrite")
    assert Path("other.csv/notes.txt").read_text() == "somebody's"


def test_overwriting_drops_part_files_of_any_format_and_a_file() -> None:
    Path("out.jsonl").write_text("a file\n")
    split(rows(*range(60)), "out.jsonl", mode="overwrite")
    assert len(parts("out.jsonl")) > 3
    split(rows(1), "out.jsonl", mode="overwrite", output_format="csv")
    assert list(parts("out.jsonl")) == ["part-000001.csv"]


def test_a_part_that_somebody_else_makes_meanwhile_is_not_written_over() -> None:
    def makes(item: Any) -> Any:
        if item["id"] == 20:
            Path("out.csv/part-000009.csv").write_text("somebody's")
        return item

    with pytest.raises(OutputError, match=r"part-000009.csv was made by somebody else"):
        run(makes, rows(*range(90)), "out.csv", split_size_bytes=200, keep_order=True)
    assert Path("out.csv/part-000009.csv").read_text() == "somebody's"


def test_a_part_that_is_changed_meanwhile_ends_the_run() -> None:
    def cuts(item: Any) -> Any:
        first = Path("out.csv/part-000001.csv")
        if item["id"] == 29:
            first.write_bytes(first.read_bytes()[:-1])
        return item

    with pytest.raises(OutputError, match=r"part-000001.csv was changed by somebody else while"):
        run(cuts, rows(*range(30)), "out.csv", split_size_bytes=200, keep_order=True,
            backend="sequential", batch_size=1)  # fmt: skip


def test_the_size_stays_that_of_the_run() -> None:
    split(rows(*range(30)), "out.jsonl", limit=5)
    for mode in ("resume", "sync"):
        with pytest.raises(InputError, match="split_size_bytes was 1000 when the run began and is"):
            run(work, rows(*range(30)), "out.jsonl", mode=mode, split_size_bytes="2K")
    with pytest.raises(UsageError, match="a directory; name a file in it; a run goes on with the"):
        run(work, rows(*range(30)), "out.jsonl", mode="resume")
    run(work, rows(1), "one.jsonl")
    with pytest.raises(InputError, match="split_size_bytes was not given when the run began and"):
        split(rows(1), "one.jsonl", mode="resume")
    assert Path("one.jsonl").is_file()


@pytest.mark.parametrize("size", [0, -1, "0", "-1", "abc", "10XB", "", "1e400", True])
def test_a_size_is_bytes_or_has_a_unit(size: Any) -> None:
    with pytest.raises(UsageError, match="split_size_bytes must be a size in bytes, got"):
        run(work, rows(1), "out.jsonl", split_size_bytes=size)
    assert not Path("out.jsonl").exists()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("-", "standard output is not split; name a directory"),
        ("out.db", "is a table, which is not split"),
        ("s3://bucket/out.jsonl", "an output in a store, which is not split"),
    ],
)
def test_what_has_no_part_files_is_refused(output: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        split(rows(1), output)


@pytest.mark.parametrize("output", ["/", ".", ".."])
def test_a_directory_without_a_name_is_refused(output: str) -> None:
    with pytest.raises(UsageError, match="a directory; name a file in it"):
        split(rows(1), output, output_format="csv")


def test_the_output_is_not_the_input() -> None:
    split(rows(*range(30)), "out.jsonl")
    before = parts("out.jsonl")
    for source in ("out.jsonl", "out.jsonl/part-000001.jsonl"):
        with pytest.raises(UsageError, match="that is the input; name another file"):
            run(work, source, "out.jsonl", split_size_bytes=SIZE, rows=True, mode="overwrite")
    assert parts("out.jsonl") == before


def test_a_directory_may_be_named_as_directories_are() -> None:
    split([*rows(1), "bad"], "out/", output_format="csv")
    assert {path.name for path in Path().iterdir()} == {
        "out", "out.journal", "out.errors.jsonl"
    }  # fmt: skip
    with Path("out/part-000001.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["1"]


KILLED = """
import os, signal, sys
from batchmap import run
from batchmap.sinks.text_file import append_file

output, mode, at = sys.argv[1], sys.argv[2], int(sys.argv[3])
append_file.AppendedFile.commit_every_s = 0
calls = 0
def counted(function):
    def call(*arguments):
        global calls
        calls += 1
        if calls == at:
            if function is write:
                function(arguments[0], arguments[1][: len(arguments[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return call
write = os.write
os.write, os.replace, os.unlink = counted(write), counted(os.replace), counted(os.unlink)
append_file._sync_data = counted(append_file._sync_data)
first = 0 if mode == "resume" else 3
def work(number):
    row = {"id": str(number) * 20}
    return {**row, "late": "x"} if number == 12 else row
run(work, range(first, 17), output, mode=mode, keep_order=True,
    backend="sequential", batch_size=2, split_size_bytes=200)
"""


def killed_at_acts(output: str, mode: str, every: int) -> int:
    """Kill a run at its first act, the next one `every` acts later, …; return at which the last."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    for at in range(1, 500, every):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, output, mode, f"{at}"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return at - every
        assert done.returncode == -signal.SIGKILL, done.stderr
    raise AssertionError("never done")


@pytest.mark.parametrize(
    ("output", "every"),
    rest_slow(2, ("out.jsonl", 5), ("out.csv.gz", 7), ("out.jsonl", 1), ("out.csv.gz", 1)),
)
def test_runs_and_syncs_that_are_killed_at_their_acts_go_on(output: str, every: int) -> None:
    def result(number: int) -> dict[str, str]:
        row = {"id": str(number) * 20}
        return {**row, "late": "x"} if number == 12 else row

    for mode, first in (("resume", 0), ("sync", 3)):
        assert killed_at_acts(output, mode, every) > 5
        fresh = f"{mode}-{output}"
        run(result, range(first, 17), fresh, keep_order=True, split_size_bytes=200)
        assert parts(output) == parts(fresh)
        found = verify_output(Path(output), Path(f"{output}.errors.jsonl"))
        assert (found.results, found.differences) == (17 - first, [])


PROGRAM = "from batchmap.command.entry_point import entry_point; entry_point()"


def batchmap(*words: str) -> tuple[int, str]:
    """Return the exit code of the command, and what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'packages' / 'batchmap'}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_command_makes_a_directory_of_the_output() -> None:
    Path("n.txt").write_text("".join(f"{number}\n" for number in range(100)))
    words = ["run", "builtins:int", "n.txt", "-o", "out.jsonl"]
    code, text = batchmap(*words, "--split-size", "1K")
    assert code == 0
    assert "Results: 100 in out.jsonl\n" in text
    numbers = [
        json.loads(line)["result"]
        for part in parts("out.jsonl").values()
        for line in part.splitlines()
    ]
    assert len(parts("out.jsonl")) == 4
    assert numbers == list(range(100))
    code, text = batchmap(*words, "--resume")
    assert code == 2
    assert "a run goes on with the part files in it by --split-size" in text
    code, text = batchmap(*words, "--resume", "--split-size", "2K")
    assert code == 3
    assert "--split-size was 1024 when the run began and is 2048 now; --overwrite" in text
    code, text = batchmap(*words, "--overwrite", "--split-size", "10XB")
    assert code == 2
    assert text == "--split-size must be a size in bytes, got '10XB'; for example 500M or 2G\n"
    assert batchmap("verify", "out.jsonl")[0] == 0
