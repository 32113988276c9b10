"""Compressed outputs: any tool reads them; they are resumed, synced and verified as others are."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, OutputError, UsageError, run
from batchmap.checkpoint.verification import verify_output
from batchmap.sinks import open_sink
from batchmap.sources import open_source

from tests.conftest import ROOT
from tests.sink_results import encoded
from tests.syncing import stopped_sync, sync, sync_directory, work
from tests.test_sinks import text_of

__all__ = ["sync_directory"]

OUTPUTS = ["out.jsonl.gz", "out.csv.gz", "out.tsv.gz", "out.jsonl.zst", "out.csv.zst"]


@pytest.fixture(params=OUTPUTS)
def output(request: pytest.FixtureRequest) -> str:
    if request.param.endswith(".zst"):
        pytest.importorskip("zstandard")
    return str(request.param)


def plain(output: str) -> str:
    return output.rpartition(".")[0]


def rows(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": number, "text": f"ä\t,{number}\n"} for number in numbers]


def same_as_fresh(output: str, items: list[Any]) -> None:
    run(work, items, f"fresh-{plain(output)}", keep_order=True, backend="sequential")
    assert text_of(Path(output)) == Path(f"fresh-{plain(output)}").read_bytes().decode()
    found = verify_output(Path(output), Path(f"{output}.errors.jsonl"))
    assert found.differences == []
    assert found.is_finished


def test_it_says_what_it_says_uncompressed_and_can_be_read_again(output: str) -> None:
    run(work, rows(*range(50)), output, keep_order=True)
    same_as_fresh(output, rows(*range(50)))
    read = [item for item, _, _ in open_source(output).records()]
    assert read == [item for item, _, _ in open_source(f"fresh-{plain(output)}").records()]


def test_a_run_that_goes_on_appends(output: str) -> None:
    run(work, rows(*range(20)), output, keep_order=True, limit=7)
    before = Path(output).read_bytes()
    run(work, rows(*range(20)), output, keep_order=True, mode="resume")
    assert Path(output).read_bytes().startswith(before)
    same_as_fresh(output, rows(*range(20)))


def test_without_results_it_is_valid_and_goes_on(output: str) -> None:
    run(work, [], output)
    assert Path(output).stat().st_size > 0
    assert text_of(Path(output)) == ""
    run(work, rows(1, 2), output, mode="resume")
    same_as_fresh(output, rows(1, 2))


def test_what_is_behind_the_last_commit_is_cut_and_what_is_missing_done_again(output: str) -> None:
    run(work, rows(*range(9)), output, keep_order=True)
    whole = Path(output).read_bytes()
    for damage in (whole + whole[:30], whole + bytes(100), whole[:-1]):
        Path(output).write_bytes(damage)
        assert verify_output(Path(output), Path(f"{output}.errors.jsonl")).differences
        run(work, rows(*range(9)), output, mode="resume")
        same_as_fresh(output, rows(*range(9)))
        Path(f"fresh-{plain(output)}").unlink()
        Path(f"fresh-{plain(output)}.journal").unlink()


def test_what_was_changed_is_noticed(output: str) -> None:
    run(work, rows(*range(9)), output)
    whole = Path(output).read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    others = [gzip.compress(b"x" * 100)] if output.endswith(".gz") else []
    for changed in (flipped, *others):
        Path(output).write_bytes(changed)
        with pytest.raises(OutputError, match="is not what the run wrote"):
            run(work, rows(*range(9)), output, mode="resume")
        assert Path(output).read_bytes() == changed


def test_it_is_synced(output: str) -> None:
    run(work, rows(*range(50)), output, backend="thread", workers=4, batch_size=1)
    items = [*rows(7), *rows(*range(30)), *rows(99)]
    items.remove({**items[10]})
    assert sync(items, output) is not None
    same_as_fresh(output, items)
    assert sync(items, output) == (len(items), 0, 0, 0, 0)


def test_a_sync_that_was_stopped_goes_on(output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run(work, rows(1, 2, 3), output, keep_order=True)
    stopped_sync(monkeypatch, rows(0, 1, 2, 3), output)
    assert sync(rows(0, 1, 2, 3), output) is not None
    same_as_fresh(output, rows(0, 1, 2, 3))


def test_long_texts_are_frames_of_a_bounded_size(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl.gz"
    sink = open_sink(path, "jsonl.gz", record="result")
    sink.start(0)
    long = [os.urandom(1_000_000).hex() for _ in range(3)]
    pieces, _ = encoded(sink, range(3), range(3), long)
    end = sink.write(pieces)
    assert path.stat().st_size > 2_000_000  # not all is in memory
    assert sink.sync() == end
    sink.close()
    assert [json.loads(line) for line in text_of(path).splitlines()] == long
    assert open_sink(path, "jsonl.gz").start(end - 1) == end - end % (1 << 20)


def test_programs_that_know_the_format_read_it() -> None:
    run(work, rows(*range(9)), "out.jsonl.gz", keep_order=True, limit=4)
    run(work, rows(*range(9)), "out.jsonl.gz", keep_order=True, mode="resume")
    text = subprocess.run(["gzip", "-dc", "out.jsonl.gz"], capture_output=True, check=True).stdout
    assert text.decode() == text_of(Path("out.jsonl.gz"))


def test_the_name_decides_whatever_the_format() -> None:
    run(work, rows(1), "a.gz", output_format="jsonl", record="result")
    assert json.loads(gzip.decompress(Path("a.gz").read_bytes())) == rows(1)[0]
    for output, options, message in (
        ("a.parquet.gz", {}, r"output a.parquet.gz: parquet is compressed within; leave .gz out"),
        ("b.gz", {}, "the suffix '' tells no format"),
        ("s3://b/a.parquet.gz", {}, "a.parquet.gz: parquet is compressed within; leave .gz out"),
        ("b.jsonl.gz", {"bom": True}, "bom: is for CSV and TSV, not jsonl; leave it out"),
        ("b.csv", {"output_delimiter": "7"}, "no letter or digit, got '7'; for example ';' or tab"),
    ):
        with pytest.raises(UsageError, match=message):
            run(work, rows(1), output, **options)


def test_cells_stand_apart_as_asked() -> None:
    odd = [{"a;b": "1;2", "c": '"x"', "d": None}, {"a;b": "", "c": "\t", "d": "ü"}]
    run(work, odd, "out.csv", output_delimiter=";", bom=True, keep_order=True, limit=1)
    with pytest.raises(InputError, match="output_delimiter was ; when the run began and is not"):
        run(work, odd, "out.csv", bom=True, mode="resume")
    with pytest.raises(InputError, match="bom was True when the run began and is not given"):
        run(work, odd, "out.csv", output_delimiter=";", mode="resume")
    for mode in ("resume", "sync", "sync"):
        run(work, odd, "out.csv", output_delimiter=";", bom=True, mode=mode)
        text = '\ufeff"a;b";c;d\n"1;2";"""x""";\n;\t;ü\n'
        assert Path("out.csv").read_bytes().decode() == text
        assert verify_output(Path("out.csv"), Path("out.csv.errors.jsonl")).differences == []


def test_a_header_that_is_read_back_may_have_other_columns_first() -> None:
    run(work, [{"a": "1|2", "b": "3"}], "out.csv", output_delimiter="|")
    sync([{"b": "9", "a": "8"}, {"a": "1|2", "b": "3"}], "out.csv", output_delimiter="|")
    assert Path("out.csv").read_text() == 'a|b\n8|9\n"1|2"|3\n'


KILLED = """
import os, signal, sys
from batchmap import run
from batchmap.sinks.text_file import append_file, compressed_file

output, at = sys.argv[1], int(sys.argv[2])
compressed_file.FRAME_BYTES = 1000
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
os.write = counted(write)
append_file._sync_data = counted(append_file._sync_data)
run(str, [f"{number}" * 300 for number in range(40)], output, mode="resume", keep_order=True,
    backend="sequential", batch_size=2)
"""


@pytest.mark.parametrize("output", ["out.jsonl.gz", "out.csv.zst"])
def test_a_run_that_is_killed_within_a_frame_goes_on(output: str) -> None:
    if output.endswith(".zst"):
        pytest.importorskip("zstandard")
    for at in (1, 2, 5, 8, 13, 18, 29, 10_000):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, output, str(at)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "packages" / "batchmap")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
    assert done.returncode == 0
    run(str, [f"{number}" * 300 for number in range(40)], plain(output), keep_order=True)
    assert text_of(Path(output)) == Path(plain(output)).read_text()
    assert verify_output(Path(output), Path(f"{output}.errors.jsonl")).differences == []
