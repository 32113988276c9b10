"""Sinks: one contract over every format, and what a file system may do to them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batchmap.command.errors import flag_spelling
from batchmap.errors import OutputError, UsageError
from batchmap.records import ItemFailure, UnreadableRecord
from batchmap.sinks import Sink, StdoutSink, failure_line, open_sink, write_errors
from batchmap.sources.line_formats import failed_items
from batchmap.storage import OUTPUT_FORMATS

from tests.conftest import ROOT
from tests.sink_results import encoded

FAILURE = ItemFailure("ValueError", "no", "")


@pytest.fixture(params=[*OUTPUT_FORMATS, "jsonl.gz", "csv.gz", "jsonl.zst"])
def output_format(request: pytest.FixtureRequest) -> str:
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    if request.param.endswith(".zst"):
        pytest.importorskip("zstandard")
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path, output_format: str) -> Path:
    return tmp_path / f"out.{output_format}"


@pytest.fixture
def opened(path: Path, output_format: str) -> Callable[[], Sink]:
    return lambda: open_sink(path, output_format, record="result")


def rows(*numbers: int) -> list[dict[str, str]]:
    return [{"n": str(number), "text": f"ä,\"'\r\n{number}"} for number in numbers]


def put(sink: Sink, results: list[Any]) -> int:
    places = range(len(results))
    pieces, failures = encoded(sink, places, places, results)
    assert len(pieces) == len(results)
    assert failures == {}
    return sink.write(pieces)


def read_back(path: Path) -> list[Any]:
    if path.name.endswith(".parquet"):
        table: Any = pytest.importorskip("pyarrow.parquet").read_table(path)
        return list(table.to_pylist())
    text = text_of(path)
    if ".jsonl" in path.name:
        return [json.loads(line) for line in text.split("\n")[:-1]]
    delimiter = "\t" if ".tsv" in path.name else ","
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def text_of(path: Path) -> str:
    """Return the text of an output, decompressed by a library that is not ours."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    elif path.suffix == ".zst":
        zstandard: Any = pytest.importorskip("zstandard")
        with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as reader:
            data = reader.read()
    return data.decode()


def first_file(path: Path) -> Path:
    """Return the file that holds the first results before `finish`."""
    return path.with_name(f"{path.name}.parts") / "part-000001.parquet" if is_parts(path) else path


def is_parts(path: Path) -> bool:
    return path.suffix == ".parquet"


def test_what_was_written_is_read_back(path: Path, opened: Callable[[], Sink]) -> None:
    sink = opened()
    assert sink.start(0) == 0
    end = put(sink, rows(1, 2))
    assert sink.sync() == end
    put(sink, rows(3))
    sink.sync()
    sink.finish()
    sink.close()
    assert read_back(path) == rows(1, 2, 3)
    assert sorted(path.parent.iterdir()) == [path]


def test_a_sync_without_anything_new_keeps_the_end(opened: Callable[[], Sink]) -> None:
    sink = opened()
    sink.start(0)
    assert sink.sync() == 0
    end = put(sink, rows(1))
    assert [sink.sync(), sink.sync()] == [end, end]


def test_without_results_the_output_is_valid_and_empty(
    path: Path, opened: Callable[[], Sink]
) -> None:
    sink = opened()
    sink.start(0)
    assert path.exists() == (not is_parts(path))
    sink.write([])
    assert sink.sync() == 0
    sink.finish()
    sink.close()
    assert read_back(path) == []
    assert is_parts(path) or text_of(path) == ""


def test_an_output_is_cut_back_and_goes_on(path: Path, opened: Callable[[], Sink]) -> None:
    sink = opened()
    sink.start(0)
    put(sink, rows(1, 2))
    end = sink.sync()
    put(sink, rows(3, 4))
    sink.sync()
    sink.close()
    again = opened()
    assert again.start(end) == end
    put(again, rows(5))
    assert again.sync() > end
    again.finish()
    again.close()
    assert read_back(path) == rows(1, 2, 5)


def test_the_same_sink_can_be_started_again(path: Path, opened: Callable[[], Sink]) -> None:
    sink = opened()
    sink.start(0)
    put(sink, rows(1))
    end = sink.sync()
    put(sink, rows(2))
    assert sink.start(end) == end
    put(sink, rows(3))
    sink.sync()
    sink.finish()
    assert read_back(path) == rows(1, 3)


def test_a_shorter_output_is_noticed_and_left_alone(path: Path, opened: Callable[[], Sink]) -> None:
    sink = opened()
    sink.start(0)
    put(sink, rows(1))
    middle = sink.sync()
    put(sink, rows(2))
    end = sink.sync()
    sink.close()
    again = opened()
    assert again.start(end + 1) == end
    assert again.start(end) == end
    assert again.start(middle) == middle
    again.finish()
    assert read_back(path) == rows(1)


def test_a_missing_output_ends_at_nothing(opened: Callable[[], Sink]) -> None:
    assert opened().start(7) == 0


def test_a_start_at_nothing_empties_an_older_output(path: Path, opened: Callable[[], Sink]) -> None:
    for number in (1, 2):
        sink = opened()
        sink.start(0)
        put(sink, rows(number))
        sink.sync()
        sink.finish()
        sink.close()
    assert read_back(path) == rows(2)


def test_what_was_not_synced_may_be_lost_and_nothing_else(
    path: Path, opened: Callable[[], Sink]
) -> None:
    sink = opened()
    sink.start(0)
    put(sink, rows(1))
    end = sink.sync()
    put(sink, rows(2))
    sink.close()
    again = opened()
    assert again.start(end) == end
    again.finish()
    assert read_back(path) == rows(1)


def test_a_finished_output_is_found_as_it_is(path: Path, opened: Callable[[], Sink]) -> None:
    sink = opened()
    sink.start(0)
    put(sink, rows(1))
    sink.sync()
    put(sink, rows(2))
    end = sink.sync()
    sink.finish()
    sink.close()
    again = opened()
    assert again.start(end) == end
    assert again.sync() == end
    again.finish()
    again.close()
    assert read_back(path) == rows(1, 2)
    assert sorted(path.parent.iterdir()) == [path]


def test_a_finished_output_can_be_added_to(path: Path, opened: Callable[[], Sink]) -> None:
    end = 0
    for number in (1, 2, 3):
        sink = opened()
        assert sink.start(end) == end
        put(sink, rows(number))
        end = sink.sync()
        sink.finish()
        sink.close()
    assert read_back(path) == rows(1, 2, 3)
    assert sorted(path.parent.iterdir()) == [path]


def test_one_bad_result_leaves_the_others(path: Path, opened: Callable[[], Sink]) -> None:
    sink = opened()
    sink.start(0)
    pieces, failures = encoded(
        sink, range(3), "abc", [rows(1)[0], {"n": object(), "text": ""}, *rows(2)]
    )
    assert list(failures) == [1]
    assert failures[1].error_type == "TypeError"
    assert failures[1].error.startswith("the result holds an object, which ")
    assert not pieces[1]
    sink.write(pieces)
    sink.sync()
    sink.finish()
    assert read_back(path) == rows(1, 2)


def test_a_bad_first_result_does_not_make_the_columns(
    path: Path, opened: Callable[[], Sink]
) -> None:
    sink = opened()
    sink.start(0)
    pieces, failures = encoded(sink, range(2), "ab", [{"m": object()}, *rows(1)])
    assert list(failures) == [0]
    assert sink.write(pieces[:1]) == 0
    sink.write(pieces[1:])
    sink.sync()
    sink.finish()
    assert read_back(path) == rows(1)


@pytest.mark.parametrize("harm", ["removed", "replaced", "truncated"])
def test_an_output_that_somebody_harms_is_an_output_error(
    path: Path, opened: Callable[[], Sink], harm: str
) -> None:
    sink = opened()
    sink.start(0)
    put(sink, rows(1))
    sink.sync()
    harmed = first_file(path)
    content = harmed.read_bytes()
    harmed.unlink() if harm != "truncated" else os.truncate(harmed, len(content) - 1)
    if harm == "replaced":
        held = harmed.with_name("held")  # or the new file could get the old one's number
        held.write_bytes(b"")
        harmed.write_bytes(content)
    put(sink, rows(2))
    with pytest.raises(OutputError, match=r"run the same command with resume=True") as caught:
        sink.sync()
    assert str(path) in str(caught.value)
    assert harm.replace("truncated", "changed by somebody else") in str(caught.value)


@pytest.mark.parametrize("output_format", ["jsonl", "csv"], indirect=True)
def test_an_output_that_somebody_emptied_is_not_written_on(
    path: Path, opened: Callable[[], Sink]
) -> None:
    sink = opened()
    sink.start(0)
    put(sink, rows(1))
    sink.sync()
    os.truncate(path, 0)
    long = [{"n": "2", "text": "x" * 1_000_000}]
    with pytest.raises(OutputError, match="changed by somebody else"):
        put(sink, long)  # or a resumed run would find it long enough, and take it for its own
    assert path.read_bytes() == b""


def test_a_link_is_followed_and_kept(tmp_path: Path, output_format: str) -> None:
    (tmp_path / "far").mkdir()
    real = tmp_path / "far" / f"real.{output_format}"
    link = tmp_path / f"link.{output_format}"
    link.symlink_to(real)
    sink = open_sink(link, output_format, record="result")
    sink.start(0)
    put(sink, rows(1))
    sink.sync()
    sink.finish()
    assert link.is_symlink()
    assert read_back(real) == rows(1)
    assert sorted(tmp_path.iterdir()) == [real.parent, link]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "director|not a regular file"),
        ("missing/out", r"cannot be written \(No such file or directory\); check the path"),
        ("loop", "symbolic links"),
    ],
)
def test_a_path_that_cannot_be_written_is_an_output_error(
    tmp_path: Path, output_format: str, name: str, message: str
) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OutputError, match=message) as caught:
        open_sink(tmp_path / name, output_format).start(0)
    assert "\n" not in str(caught.value)


def test_a_name_with_a_nul_is_an_output_error(output_format: str) -> None:
    with pytest.raises(OutputError, match="null"):
        open_sink(Path("a\0b"), output_format)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, output_format: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="not a regular file"):
        open_sink(tmp_path / "pipe", output_format).start(0)


def test_an_unknown_format_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"csv, tsv, parquet, got 'cvs'; did you mean csv\?"):
        open_sink(Path("out"), "cvs")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def noise(number: int) -> dict[str, str]:
    return {"n": str(number), "text": random.Random(number).randbytes(50_000).hex()}


def test_a_full_disk_keeps_what_was_synced_and_a_resume_completes(
    small_disk: Path, output_format: str
) -> None:
    path = small_disk / f"out.{output_format}"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(700_000))
    sink = open_sink(path, output_format, record="result")
    sink.start(0)
    ends = [0]
    message = ""
    try:
        for number in range(9):
            put(sink, [noise(number)])
            ends.append(sink.sync())
    except OutputError as error:
        [message] = error.lines(flag_spelling)
    assert message == f"{path}: disk full; make room and run the same command with --resume"
    sink.close()
    assert not list(small_disk.rglob(".draft-*"))
    assert 2 < len(ends) < 9
    ballast.unlink()
    again = open_sink(path, output_format, record="result")
    assert again.start(ends[-1]) == ends[-1]
    put(again, rows(1))
    again.sync()
    again.finish()
    again.close()
    assert read_back(path) == [*map(noise, range(len(ends) - 1)), *rows(1)]


def test_a_sync_can_be_tried_again_after_room_was_made(
    small_disk: Path, output_format: str
) -> None:
    path = small_disk / f"out.{output_format}"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(700_000))
    sink = open_sink(path, output_format, record="result")
    sink.start(0)
    results = [noise(number) for number in range(7 if "." in output_format else 4)]
    places = range(len(results))
    with pytest.raises(OutputError, match="disk full"):
        sink.write(encoded(sink, places, places, results)[0]) and sink.sync()
    ballast.unlink()
    sink.sync()
    sink.finish()
    sink.close()
    assert read_back(path) == results


def test_a_read_only_file_system_is_an_output_error(small_disk: Path, output_format: str) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OutputError, match=r"Read-only file system\); name a file that you may"):
        open_sink(small_disk / "out", output_format).start(0)
    with pytest.raises(OutputError, match="Read-only file system"):
        write_errors(small_disk / "errors", ["{}"])


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_directory_without_permission_is_an_output_error(
    tmp_path: Path, output_format: str
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(OutputError, match=r"Permission denied\); name a file that you may write"):
        open_sink(tmp_path / "closed" / "out", output_format).start(0)


@pytest.mark.parametrize("lines", [["{}"], []])
def test_a_draft_of_the_failures_that_a_crash_left_is_removed(
    lines: list[str], tmp_path: Path
) -> None:
    (tmp_path / ".draft-errors.jsonl").write_text("half")
    write_errors(tmp_path / "errors.jsonl", lines)
    assert not list(tmp_path.glob(".draft-*"))


def test_a_file_size_limit_is_an_output_error_and_leaves_no_draft(
    path: Path, output_format: str
) -> None:
    script = f"""
        import random, resource, sys
        from pathlib import Path
        from batchmap.errors import OutputError
        from batchmap.sinks import open_sink
        sink = open_sink(Path(sys.argv[1]), sys.argv[2], record="result")
        sink.start(0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        text = random.Random(1).randbytes({400_000}).hex()
        try:
            sink.write(sink.encode([0], [0], [sink.encoder(text)])[0])
            sink.sync()
        except OutputError as error:
            print(error)
    """
    words = [sys.executable, "-c", textwrap.dedent(script), str(path), output_format]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "packages" / "batchmap")}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=100)
    assert done.stdout == (
        f"{path}: cannot be written (File too large); "
        "raise the limit (ulimit -f) and run the same command with resume=True\n"
    ), done.stderr
    assert not list(path.parent.rglob(".draft-*"))


def test_stdout_gets_each_batch_at_once() -> None:
    reader, writer = os.pipe()
    sink: Sink = StdoutSink(writer)
    assert sink.start(0) == 0
    pieces, failures = encoded(sink, [3, 4], ["é", "b"], [1, None])
    assert failures == {}
    end = sink.write(pieces)
    expected = '{"index": 3, "item": "é", "result": 1}\n{"index": 4, "item": "b", "result": null}\n'
    assert os.read(reader, 1000).decode() == expected
    assert end == sink.sync() == len(expected.encode())
    sink.finish()
    sink.close()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        sink.write(pieces)
    os.close(writer)
    with pytest.raises(OutputError, match="stdout cannot be written"):
        sink.write(pieces)


def test_stdout_may_be_a_stream_and_what_it_holds_comes_first(tmp_path: Path) -> None:
    memory = io.BytesIO()
    StdoutSink(memory, record="result").write(["1\n"])
    assert memory.getvalue() == b"1\n"
    path = tmp_path / "stream"
    with path.open("wb") as stream:
        stream.write(b"first\n")
        sink = StdoutSink(stream, record="result")
        sink.write(["1\n"])
        assert path.read_bytes() == b"first\n1\n"
    with pytest.raises(OutputError, match="closed"):
        StdoutSink(memory_closed()).write(["1\n"])


def memory_closed() -> io.BytesIO:
    memory = io.BytesIO()
    memory.close()
    return memory


def test_stdout_that_does_not_block_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    text = "x" * 300_000
    counting = "import sys; text = sys.stdin.read(); print(len(text), set(text))"
    with subprocess.Popen(
        [sys.executable, "-c", counting], stdin=reader, stdout=subprocess.PIPE
    ) as child:
        os.close(reader)
        StdoutSink(writer, record="result").write([text])
        os.close(writer)
        assert child.communicate()[0] == b"300000 {'x'}\n"


def test_a_full_stdout_is_an_output_error() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        sink = StdoutSink(full.fileno())
        with pytest.raises(OutputError, match="stdout cannot be written"):
            sink.write(["x\n"])


def test_a_failed_item_is_one_strict_json_object() -> None:
    failure = ItemFailure("E\ud800", "two\nlines", "trace")
    line = failure_line(3, {"a": [1]}, failure, 2, 0.25, "in.txt line 4")
    assert "\n" not in line
    line.encode()
    assert json.loads(line) == {
        "index": 3,
        "item": {"a": [1]},
        "error_type": "E�{d800}",
        "error": "two\nlines",
        "traceback": "trace",
        "attempts": 2,
        "duration_s": 0.25,
        "place": "in.txt line 4",
    }


class Mute:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "item",
    [
        {1},
        float("nan"),
        b"x" * 20_000,
        "\ud83d\ude00",
        {"a": (1,), "b": None},
        UnreadableRecord(FAILURE, "{bad \udcff" + "x" * 20_000),
    ],
)
def test_a_failed_item_is_the_same_item_of_the_next_run(item: object) -> None:
    line = failure_line(0, item, FAILURE, 1, float("inf"), "").encode()
    json.loads(line, parse_constant=pytest.fail)
    again, raw, _ = next(filter(None, failed_items([line])))
    assert (repr(again), raw) == (repr(item), line)


def test_a_failed_item_of_a_class_of_ones_own_cannot_be_made_again() -> None:
    line = failure_line(0, [Mute()], FAILURE, 1, 0.0, "")
    assert json.loads(line)["item"]["value"] == "<list whose text cannot be had>"
    again, _, _ = next(filter(None, failed_items([line.encode()])))
    assert isinstance(again, UnreadableRecord)
    assert "the item cannot be made again: it holds a object" in again.failure.error


def test_the_errors_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "errors.jsonl"
    assert write_errors(path, ['{"a": 1}', '{"b": "é"}\n']) == 2
    assert path.read_bytes() == '{"a": 1}\n{"b": "é"}\n'.encode()
    assert list(tmp_path.iterdir()) == [path]


def test_without_errors_there_is_no_errors_file(tmp_path: Path) -> None:
    path = tmp_path / "errors.jsonl"
    assert write_errors(path, []) == 0
    path.write_text("old")
    assert write_errors(path, iter(())) == 0
    assert list(tmp_path.iterdir()) == []


def test_an_errors_file_that_breaks_off_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "errors.jsonl"
    path.write_text("old\n")

    def lines() -> Iterator[str]:
        yield "{}"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_errors(path, lines())
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_an_errors_file_on_a_full_disk_leaves_the_old_one(small_disk: Path) -> None:
    path = small_disk / "errors.jsonl"
    path.write_text("old\n")
    with pytest.raises(OutputError, match="disk full; make room"):
        write_errors(path, ["x" * 100_000] * 20)
    assert path.read_text() == "old\n"
    assert list(small_disk.iterdir()) == [path]


def test_an_errors_file_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("old")
    real.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(real)
    write_errors(link, ["{}"])
    assert link.is_symlink()
    assert real.read_text() == "{}\n"
    assert real.stat().st_mode & 0o777 == 0o640


def test_an_errors_file_that_is_no_regular_file_is_written_to(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="that is a directory"):
        write_errors(tmp_path, ["{}"])
    device = Path("/dev/null")
    before = device.stat()
    assert write_errors(device, ["{}"]) == 1
    assert write_errors(device, []) == 0
    assert os.path.samestat(device.stat(), before)


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_a_file_that_somebody_else_put_at_the_path_is_not_rolled_back(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    sink = open_sink(path, name.partition(".")[2])
    sink.start(0)
    pieces, _ = encoded(sink, [0], ["a"], ["b"])
    sink.write(pieces)
    sink.sync()
    path.rename(tmp_path / "aside")
    path.write_text("somebody else's, and longer than what was there before\n")
    with pytest.raises(OutputError, match="replaced"):
        sink.rollback()
    sink.close()
