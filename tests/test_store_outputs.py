"""Outputs in a store: parts, the journal, and who may write."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batchmap import run
from batchmap.checkpoint.store_journal import StoreJournal
from batchmap.errors import OutputError, OutputHeldError
from batchmap.sinks import Sink, open_sink, write_errors
from batchmap.storage import OUTPUT_FORMATS, StoreUrl
from batchmap.storage.output_lease import OutputLease

from tests.run_command import Place, place  # noqa: F401
from tests.sink_results import encoded
from tests.store_servers import s3_server

fsspec = pytest.importorskip("fsspec")

URL = StoreUrl("memory://out")


@pytest.fixture
def output(memory: Any) -> OutputLease:
    taken = OutputLease(URL)
    taken.acquire()
    return taken


@pytest.fixture(params=[*OUTPUT_FORMATS, "jsonl.gz", "csv.gz", "jsonl.zst"])
def opened(request: pytest.FixtureRequest, output: OutputLease) -> Callable[[], Sink]:
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    if request.param.endswith(".zst"):
        pytest.importorskip("zstandard")
    return lambda: open_sink(output, request.param, record="result")


def put(sink: Sink, *numbers: int) -> int:
    pieces, failures = encoded(sink, numbers, numbers, [{"n": number} for number in numbers])
    assert failures == {}
    sink.write(pieces)
    return sink.sync()


def unpacked(data: bytes) -> bytes:
    """Return what a program other than ours reads from compressed data; other data as it is."""
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
        return bytes(reader.read())
    return data


def numbers_in(memory: Any, path: str = "/out") -> list[int]:
    data = memory.cat_file(path)
    if data.startswith(b"PAR1"):
        import io

        import pyarrow.parquet

        return [row["n"] for row in pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()]
    data = unpacked(data)
    if data.startswith(b"n\n"):
        return [int(line) for line in data.split()[1:]]
    return [json.loads(line)["n"] for line in data.splitlines()]


def test_parts_are_merged_in_the_end(memory: Any, opened: Callable[[], Sink]) -> None:
    sink = opened()
    assert sink.start(0) == 0
    put(sink, 1, 2)
    put(sink, 3)
    assert not memory.exists("/out")
    assert len(memory.ls("/out.parts")) == 2
    sink.finish()
    assert numbers_in(memory) == [1, 2, 3]
    assert not memory.exists("/out.parts")
    assert not memory.exists("/out.draft")


@pytest.mark.parametrize("name", ["a[1].jsonl", "a?b.jsonl", "a*b.jsonl", "a b%20#.jsonl"])
def test_no_name_is_taken_for_a_pattern(memory: Any, name: str) -> None:
    memory.pipe("/a1.jsonl.draft", b"another's")
    output = OutputLease(StoreUrl(f"memory://{name}"))
    output.acquire()
    journal = StoreJournal(output)
    journal.begin({})
    journal.close()
    StoreJournal(output).close()
    sink = open_sink(output, "jsonl", record="result")
    sink.start(0)
    put(sink, 1, 2)
    sink.finish()
    assert numbers_in(memory, f"/{name}") == [1, 2]
    assert memory.exists("/a1.jsonl.draft")
    assert not [path for path in memory.find("/") if path.endswith(f"{name}.draft")]


def test_without_results_there_is_an_output_all_the_same(
    memory: Any, opened: Callable[[], Sink]
) -> None:
    sink = opened()
    sink.start(0)
    sink.finish()
    assert memory.exists("/out")


def test_what_is_beyond_the_end_is_cut_off(memory: Any, opened: Callable[[], Sink]) -> None:
    sink = opened()
    sink.start(0)
    end = put(sink, 1, 2)
    put(sink, 3)
    sink.close()
    again = opened()
    assert again.start(end) == end
    put(again, 4)
    again.finish()
    assert numbers_in(memory) == [1, 2, 4]


def test_a_missing_part_makes_it_shorter(memory: Any, opened: Callable[[], Sink]) -> None:
    sink = opened()
    sink.start(0)
    first = put(sink, 1, 2)
    put(sink, 3)
    last = put(sink, 4)
    memory.rm(sorted(memory.find("/out.parts"))[1])
    again = opened()
    assert again.start(last) == first
    assert again.start(first) == first
    put(again, 5)
    again.finish()
    assert numbers_in(memory) == [1, 2, 5]


def test_a_finished_output_is_gone_on_with(memory: Any, opened: Callable[[], Sink]) -> None:
    sink = opened()
    sink.start(0)
    end = put(sink, 1, 2)
    sink.finish()
    again = opened()
    assert again.start(end) == end
    again.finish()
    assert numbers_in(memory) == [1, 2]
    more = opened()
    assert more.start(end) == end
    put(more, 3)
    more.finish()
    assert numbers_in(memory) == [1, 2, 3]
    assert not memory.exists("/out.parts")


def test_parts_that_a_crash_left_after_the_merge_are_no_more_results(
    memory: Any, opened: Callable[[], Sink]
) -> None:
    sink = opened()
    sink.start(0)
    put(sink, 1, 2)
    end = put(sink, 3)
    kept = {path: memory.cat(path) for path in memory.find("/out.parts")}
    sink.finish()
    for path, data in list(kept.items())[1:]:
        memory.pipe(path, data)
    again = opened()
    assert again.start(end) == end
    put(again, 4)
    again.finish()
    assert numbers_in(memory) == [1, 2, 3, 4]


def test_a_merged_output_cannot_be_cut(opened: Callable[[], Sink]) -> None:
    sink = opened()
    sink.start(0)
    first = put(sink, 1)
    put(sink, 2)
    sink.finish()
    assert opened().start(first) == 0


def test_a_new_run_drops_all_of_the_old_one(memory: Any, opened: Callable[[], Sink]) -> None:
    sink = opened()
    sink.start(0)
    put(sink, 1)
    sink.finish()
    put(sink, 2)
    again = opened()
    assert again.start(0) == 0
    assert not memory.exists("/out")
    put(again, 3)
    again.finish()
    assert numbers_in(memory) == [3]


def test_a_part_that_somebody_changed_is_not_merged(
    memory: Any, opened: Callable[[], Sink]
) -> None:
    sink = opened()
    sink.start(0)
    put(sink, 1, 2)
    [part] = memory.find("/out.parts")
    memory.pipe(part, b"")
    with pytest.raises(OutputError, match="changed by somebody else"):
        sink.finish()
    assert not memory.exists("/out")


def test_salvage_drops_what_is_not_out(memory: Any, opened: Callable[[], Sink]) -> None:
    sink = opened()
    sink.start(0)
    end = put(sink, 1)
    pieces, _ = encoded(sink, [2], [2], [{"n": 2}])
    sink.write(pieces)
    assert sink.rollback() == end
    put(sink, 3)
    sink.finish()
    assert numbers_in(memory) == [1, 3]


def test_a_large_output_goes_out_before_it_is_committed(
    memory: Any, output: OutputLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchmap.sinks.text_file.store_text.PART_BYTES", 10)
    sink = open_sink(output, "jsonl", record="result")
    sink.start(0)
    sink.write(["12345\n"])
    assert not memory.find("/out.parts")
    assert sink.write(["67890\n"]) == 12
    assert len(memory.find("/out.parts")) == 1
    assert sink.start(0) == 0
    assert not memory.find("/out.parts")


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_compressed_output_that_is_resumed_holds_the_same_text(memory: Any, suffix: str) -> None:
    if suffix == ".zst":
        pytest.importorskip("zstandard")
    items = [{"n": number} for number in range(9)]
    steps: list[tuple[Any, int | None]] = [("new", 2), ("resume", 6), ("resume", None)]
    for name in ("out.csv", f"out.csv{suffix}"):
        for mode, limit in steps:
            run(dict, items, f"memory://{name}", mode=mode, limit=limit, keep_order=True)
    data = memory.cat(f"/out.csv{suffix}")
    assert unpacked(data) == memory.cat("/out.csv")
    assert data != memory.cat("/out.csv")


def test_a_compressed_output_without_results_is_of_its_format(memory: Any) -> None:
    run(dict, [], "memory://out.jsonl.gz")
    data = memory.cat("/out.jsonl.gz")
    assert (data[:2], gzip.decompress(data)) == (b"\x1f\x8b", b"")


def test_a_compressed_output_that_somebody_appended_to_is_not_gone_on_with(memory: Any) -> None:
    items = [{"n": number} for number in range(3)]
    run(dict, items, "memory://out.csv.gz", limit=2)
    memory.pipe("/out.csv.gz", memory.cat("/out.csv.gz") + b"more")
    with pytest.raises(OutputError, match="is not what the run wrote"):
        run(dict, items, "memory://out.csv.gz", mode="resume")


# The journal and the hold ------------------------------------------------------------------


def last_events(memory: Any) -> list[Any]:
    """Return the events of the newest object of the journal."""
    newest = max(memory.glob("/out.journal/*.json.z"))
    events: list[Any] = json.loads(zlib.decompress(memory.cat(newest)))
    return events


def test_the_journal_is_the_same_on_another_machine(
    memory: Any, output: OutputLease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = StoreJournal(output)
    journal.begin({"function": "f"})
    journal.add_done(0, 3, b"a" * 24, 100)
    journal.commit()
    journal.add_failed(3, b"b" * 8, "{}")
    journal.commit()
    journal.add_done(4, 1, b"c" * 8, 150)
    journal.close()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    again = StoreJournal(output)
    assert again.fingerprint == {"function": "f"}
    assert (again.counts(), again.output_end) == ((3, 1), 100)
    assert ["finish"] not in last_events(memory)
    assert list(again.ranges()) == [(0, 3, b"a" * 24), (3, 1, b"b" * 8)]
    again.go_on({"function": "g"}, retry_failed=True)
    again.cut(0)
    again.finish()
    again.close()
    last = StoreJournal(output)
    assert last_events(memory) == [["finish"]]
    assert (last.counts(), last.fingerprint) == ((0, 0), {"function": "g"})
    last.close()


def test_a_new_run_forgets_the_journal(memory: Any, output: OutputLease) -> None:
    journal = StoreJournal(output)
    journal.begin({"run": 1})
    journal.add_done(0, 1, b"a" * 8, 1)
    journal.commit()
    journal.begin({"run": 2})
    journal.close()
    assert len(memory.glob("/out.journal/*.json.z")) == 1
    again = StoreJournal(output)
    assert (again.fingerprint, again.counts()) == ({"run": 2}, (0, 0))
    again.close()


def test_what_is_forgotten_is_not_committed(output: OutputLease) -> None:
    journal = StoreJournal(output)
    journal.begin({})
    journal.add_done(0, 1, b"a" * 8, 10)
    journal.add_done(1, 1, b"a" * 8, 20)
    assert journal.drop_beyond(15) == 10
    journal.commit()
    journal.close()
    again = StoreJournal(output)
    assert again.counts() == (1, 0)
    again.close()


def test_two_journals_on_one_machine_are_one_too_many(output: OutputLease) -> None:
    journal = StoreJournal(output)
    with pytest.raises(OutputHeldError, match=r"another run holds memory://out[.]journal"):
        StoreJournal(OutputLease(URL))
    journal.close()


def test_who_comes_later_takes_the_output_over(
    output: OutputLease, opened: Callable[[], Sink], caplog: pytest.LogCaptureFixture
) -> None:
    sink = opened()
    sink.start(0)
    put(sink, 1)
    journal = StoreJournal(output)
    journal.begin({})
    later = OutputLease(URL)
    with caplog.at_level(logging.WARNING):
        later.acquire()
    assert "memory://out: taken over from a run on" in caplog.text
    with pytest.raises(OutputHeldError, match="taken over by a run on"):
        put(sink, 2)
    with pytest.raises(OutputHeldError):
        sink.start(0)
    with pytest.raises(OutputHeldError):
        sink.finish()
    journal.add_done(0, 1, b"a" * 8, 10)
    with pytest.raises(OutputHeldError):
        journal.commit()
    journal.close()
    output.release()
    later.check()
    later.release()
    with pytest.raises(OutputHeldError):
        later.check()


@pytest.mark.parametrize("data", [b"no", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_damaged_journal_is_an_output_error(
    memory: Any, output: OutputLease, data: bytes
) -> None:
    journal = StoreJournal(output)
    journal.begin({})
    journal.close()
    [entry] = memory.glob("/out.journal/*.json.z")
    memory.pipe(entry, data)
    with pytest.raises(OutputError, match="is damaged, or not of this program"):
        StoreJournal(output)
    memory.pipe(entry.replace(output.owner, "0123456789ab"), data)
    with pytest.raises(OutputError, match="two runs wrote it at once"):
        StoreJournal(output)


def test_the_errors_file_of_a_store_is_written_whole(memory: Any) -> None:
    def lines() -> Iterator[str]:
        yield "{}"
        raise OutputError("no")

    url = StoreUrl("memory://errors")
    assert write_errors(url, ['{"a": 1}', '{"b": 2}\n']) == 2
    assert memory.cat("/errors") == b'{"a": 1}\n{"b": 2}\n'
    with pytest.raises(OutputError):
        write_errors(url, lines())
    assert memory.cat("/errors") == b'{"a": 1}\n{"b": 2}\n'
    assert write_errors(url, []) == 0
    assert not memory.find("/")


# As a user runs it ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    pytest.importorskip("s3fs")
    pytest.importorskip("moto")
    with s3_server() as environment:
        yield environment


@pytest.fixture
def bucket(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    system = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
    system.mkdir("data")
    yield system
    system.rm("data", recursive=True)


@pytest.mark.slow
def test_a_run_from_store_to_store_is_as_one_between_files(place: Place, bucket: Any) -> None:  # noqa: F811
    place.numbers(3000)
    bucket.put(str(place.directory / "in.txt"), "data/in.txt")
    words = ("tasks.py:odd_fails",)
    options = ("--keep-order", "--record", "result", "--overwrite")
    assert place.run(*words, "in.txt", "-o", "out.csv", *options).returncode == 1
    done = place.run(*words, "s3://data/in.txt", "-o", "s3://data/out.csv", *options, quiet=False)
    assert done.returncode == 1
    assert "Results: 1,500 in s3://data/out.csv" in done.stdout
    assert bucket.cat("data/out.csv").decode() == place.text("out.csv")
    ours, theirs = (
        [json.loads(line) for line in text.splitlines()]
        for text in (
            place.text("out.csv.errors.jsonl"),
            bucket.cat("data/out.csv.errors.jsonl").decode(),
        )
    )
    assert [line["index"] for line in ours] == [line["index"] for line in theirs]
    left = {path.removeprefix("data/").partition("/")[0] for path in bucket.find("data")}
    assert left == {"in.txt", "out.csv", "out.csv.errors.jsonl", "out.csv.journal"}
    again = place.run(*words, "s3://data/in.txt", "-o", "s3://data/out.csv")
    assert (again.returncode, again.stderr) == (
        2,
        "s3://data/out.csv exists; --resume goes on with it, --overwrite begins anew\n",
    )
    place.write("mended", "")
    retried = place.run(
        "tasks.py:mended", "s3://data/in.txt", "-o", "s3://data/out.csv", "--accept-task",
        "--record", "result", "--retry-failed",
    )  # fmt: skip
    assert retried.returncode == 0, retried.stderr
    assert sorted(map(int, bucket.cat("data/out.csv").split()[1:])) == list(range(3000))
    assert not bucket.exists("data/out.csv.errors.jsonl")


@pytest.mark.slow
def test_what_a_run_writes_is_not_its_input(place: Place, bucket: Any) -> None:  # noqa: F811
    for name in ("b.txt", "below/a.txt"):
        bucket.pipe(f"data/{name}", b"x")
    words = ("tasks.py:same", "s3://data/**", "-o", "s3://data/a.csv", "--record", "result")
    for option in ("--overwrite", "--resume"):
        done = place.run(*words, option)
        assert done.returncode == 0, done.stderr
        assert bucket.cat("data/a.csv").split() == [
            b"result",
            b"s3://data/b.txt",
            b"s3://data/below/a.txt",
        ]


@pytest.mark.parametrize("output", ["out.jsonl", "out.jsonl.gz"])
def test_a_run_that_is_killed_goes_on_on_another_machine(
    place: Place,  # noqa: F811
    bucket: Any,
    output: str,
) -> None:
    place.numbers(40)
    place.gates()
    for name in ("first", "second"):
        (place.directory / name).mkdir()
    words = ("tasks.py:gated", "in.txt", "-o", f"s3://data/{output}", "-j", "1")
    with place.running(*words, "--backend", "thread", TMPDIR="first") as process:
        (place.directory / "up").read_text()
        process.kill()
        process.wait()
    place.write("passed", "")
    assert "held.json" in " ".join(bucket.find("data"))
    done = place.run(*words, "--resume", TMPDIR="second", quiet=False)
    assert done.returncode == 0, done.stderr
    assert "taken over from a run on" in done.stderr
    lines = unpacked(bucket.cat(f"data/{output}")).splitlines()
    assert sorted(json.loads(line)["index"] for line in lines) == list(range(40))
    assert not bucket.exists(f"data/{output}.parts")
    assert not bucket.exists(f"data/{output}.journal/held.json")


def test_a_run_that_is_taken_over_ends_with_75(place: Place, bucket: Any) -> None:  # noqa: F811
    place.numbers(40)
    place.gates()
    (place.directory / "second").mkdir()
    words = ("tasks.py:gated", "in.txt", "-o", "s3://data/out.jsonl", "-j", "1")
    with place.running(*words, "--backend", "thread") as process:
        (place.directory / "up").read_text()
        here = place.run(*words, "--resume")
        assert (here.returncode, here.stdout) == (75, "")
        place.write("passed", "")
        done = place.run(*words, "--resume", TMPDIR="second")
        assert done.returncode == 0, done.stderr
        (place.directory / "go").write_text("")
        assert process.stderr is not None
        stderr = process.stderr.read()
        assert process.wait(60) == 75, stderr
    assert "s3://data/out.jsonl: taken over by another run" in stderr
    lines = bucket.cat("data/out.jsonl").splitlines()
    assert sorted(json.loads(line)["index"] for line in lines) == list(range(40))


@pytest.mark.slow
def test_wrong_words_for_stores_are_errors_of_one_line_each(place: Place, bucket: Any) -> None:  # noqa: F811
    bucket.pipe("data/in.txt", b"1\n")
    for words, code, message in (
        ("in.txt -o https://host/out.jsonl", 2, "what https:// names can only be read"),
        ("in.txt -o s3://data/dir/ --output-format csv", 2, "a directory; name a file in it"),
        ("s3://data/in.txt -o s3a://data/in.txt --output-format csv", 2, "that is the input"),
        ("S3://data/in.txt -o s3://data/in.txt --output-format csv --overwrite", 2, "the input"),
        ("in.txt --export-json s3://data/x.json", 2, "takes a file, and no URL"),
        ("in.txt -o out.csv --errors s3://data/in.txt", 2, "exists and holds no failed items"),
        ("s3://none/in.txt -o out.csv", 3, "there is no such file"),
        ("in.txt -o s3://none/out.csv", 3, "s3://none/out.csv: the store failed"),
    ):
        done = place.run("tasks.py:same", *words.split())
        assert (done.returncode, done.stdout) == (code, ""), done
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
    done = place.run("tasks.py:same", "in.txt", "-o", "s3://data/out.csv", AWS_PROFILE="none")
    assert (done.returncode, done.stdout) == (3, "")
    assert "s3://data/out.csv.errors.jsonl: the store failed (ProfileNotFound" in done.stderr
    assert done.stderr.count("\n") == 1
    assert bucket.find("data") == ["data/in.txt"]
    assert not [name for name in place.names() if name.startswith("out")]
