"""The options of `run`, through the command line."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests.conftest import REPORT_ALONE, RunMain, rest_slow
from tests.run_command import Place, command, ended, json_lines, place

__all__ = ["place"]

FULL = [{"index": number, "item": str(number), "result": str(number)} for number in range(10)]


@pytest.mark.parametrize("backend", ["sequential", "thread", "process"])
def test_results_go_to_the_output_and_the_report_to_stdout(place: Place, backend: str) -> None:
    done = place.run("tasks.py:same", "in.txt", "-o", "out.jsonl", "--backend", backend, "-j", "2")
    assert ended(done) == (0, [])
    assert "- Results: 10 in out.jsonl\n" in done.stdout
    assert sorted(place.results("out.jsonl"), key=lambda line: line["index"]) == FULL
    place.check("out.jsonl", range(10))


def test_an_async_function_runs_and_asked_for_with_a_plain_one_is_refused(place: Place) -> None:
    words = ["--backend", "async", "-o", "out.jsonl"]
    assert place.run("tasks.py:asynchronous", "in.txt", *words).returncode == 0
    place.check("out.jsonl", range(10))
    assert ended(place.run("tasks.py:same", "in.txt", *words, "--overwrite")) == (
        2,
        [
            "--backend async needs an `async def` function and tasks.py:same is a plain one; "
            "leave --backend out"
        ],
    )
    assert len(place.results("out.jsonl")) == 10


@pytest.mark.parametrize(
    ("words", "name", "written"),
    [
        (["--record", "result"], "out.jsonl", '{"v": "0"}\n{"v": "1"}\n'),
        ([], "out.ndjson", '{"index": 0, "item": "0", "result": {"v": "0"}}\n'),
        ([], "out.csv", "v\n0\n1\n"),
        (["--output-format", "csv"], "out.jsonl", "v\n0\n1\n"),
        (["--output-format", "jsonl", "--record", "result"], "out", '{"v": "0"}\n'),
    ],
)
def test_suffix_or_option_tells_the_format_of_the_output(
    place: Place, words: list[str], name: str, written: str
) -> None:
    assert ended(place.run("tasks.py:row", "in.txt", "-k", "-o", name, *words)) == (0, [])
    assert place.text(name).startswith(written)


def test_parquet_holds_a_row_an_item_and_leaves_no_parts(place: Place) -> None:
    assert ended(place.run("tasks.py:row", "in.txt", "-k", "-o", "out.parquet")) == (0, [])
    assert place.results("out.parquet") == [{"v": str(number)} for number in range(10)]
    place.check("out.parquet", range(10))


def test_every_input_format_is_read(place: Place) -> None:
    place.write("a.jsonl", '{"v": 1}\n')
    place.write("a.json", '[{"v": 1}]')
    place.write("a.csv", "v\n1\n")
    place.write("a.tsv", "v\tw\n1\t2\n")
    place.write("a.dat", "v\n1\n")
    place.write("b.csv.gz", gzip.compress(b"v\n1\n"))
    pyarrow.parquet.write_table(pyarrow.table({"v": [1]}), str(place.directory / "a.pq"))
    for words, item in [
        (["a.jsonl"], {"v": 1}),
        (["a.json"], {"v": 1}),
        (["a.csv"], {"v": "1"}),
        (["a.tsv"], {"v": "1", "w": "2"}),
        (["a.dat", "--input-format", "csv"], {"v": "1"}),
        (["a.csv", "--input-format", "text", "--limit", "1"], "v"),
        (["b.csv.gz"], {"v": "1"}),
        (["a.pq"], {"v": 1}),
        (["a.js*n"], "a.json"),
    ]:
        done = place.run("tasks.py:same", *words)
        assert (done.returncode, json.loads(done.stdout)["item"]) == (0, item)


@pytest.mark.parametrize("words", [[], ["-"]])
def test_a_piped_input_is_taken_and_can_be_piped_in_again(place: Place, words: list[str]) -> None:
    done = place.run("tasks.py:same", *words, "-o", "out.jsonl", "--limit", "2", stdin="a\nb\nc")
    assert ended(done) == (0, [])
    done = place.run("tasks.py:same", *words, "-o", "out.jsonl", "--resume", stdin="a\nb\nc")
    assert ended(done) == (0, [])
    place.check("out.jsonl", range(3))
    done = place.run("tasks.py:same", *words, "-o", "out.jsonl", "--resume", stdin="a\nB\nc")
    assert ended(done)[0] == 3


@pytest.mark.parametrize("words", [["-o", "-"], []])
def test_stdout_holds_only_results_whatever_the_function_prints(
    place: Place, words: list[str]
) -> None:
    for backend in ("sequential", "thread", "process"):
        done = place.run("tasks.py:noisy", "in.txt", *words, "--backend", backend)
        assert done.returncode == 0
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert sorted(lines, key=lambda line: line["index"]) == FULL
        assert "- Results: 10 in stdout\n" in done.stderr
        counts = [done.stderr.count(text) for text in ("written", "from a child", "printed 7")]
        assert counts == [10, 10, 1]
    assert place.names() == set()


def test_results_in_files_are_in_input_order_unless_asked_otherwise(place: Place) -> None:
    place.numbers(4)
    words = "tasks.py:backwards in.txt --backend thread -j 4 --batch-size 1".split()
    assert place.run(*words, "-o", "free.csv", "--unordered").returncode == 0
    assert [line["result"] for line in place.results("free.csv")] == ["3", "2", "1", "0"]
    free = place.run(*words, "--record", "result").stdout.split()
    assert free == ['"3"', '"2"', '"1"', '"0"']
    for option in ("", "-k"):
        more = [option] if option else []
        assert place.run(*words, "-o", f"a{option}.jsonl", *more).returncode == 0
        assert [line["index"] for line in place.results(f"a{option}.jsonl")] == [0, 1, 2, 3]


@pytest.mark.parametrize("option", [[], ["--errors", "failed.jsonl"]])
def test_failed_items_go_to_the_errors_file_and_can_be_an_input(
    place: Place, option: list[str]
) -> None:
    errors = option[-1] if option else "out.csv.errors.jsonl"
    done = place.run("tasks.py:odd_fails", "in.txt", "-o", "out.csv", *option)
    assert ended(done) == (1, [])
    assert f"- Failed items: 5 in {errors}\n" in done.stdout
    first, *others = place.failures(errors)
    assert [line["item"] for line in others] == ["3", "5", "7", "9"]
    assert first.pop("duration_s") < 60
    assert "raise ValueError" in first.pop("traceback")
    assert first == {
        "index": 1,
        "item": "1",
        "error_type": "ValueError",
        "error": "1 is odd",
        "attempts": 1,
        "place": "in.txt line 2",
    }
    done = place.run("tasks.py:same", errors, "--input-format", "errors", "-k")
    items = [json.loads(line)["item"] for line in done.stdout.splitlines()]
    assert items == ["1", "3", "5", "7", "9"]


def test_failures_are_not_kept_beside_stdout_unless_a_file_is_named(place: Place) -> None:
    done = place.run("tasks.py:odd_fails", "in.txt")
    assert done.returncode == 1
    assert "- Failed items: 5, not kept; --errors FILE keeps them\n" in done.stderr
    assert place.names() == set()
    assert place.run("tasks.py:odd_fails", "in.txt", "--errors", "failed").returncode == 1
    assert (place.names(), len(place.failures("failed"))) == ({"failed"}, 5)


def test_retry_failed_takes_the_failed_items_again_and_resume_does_not(place: Place) -> None:
    words = ["tasks.py:mended", "in.txt", "-o", "out.jsonl"]
    assert place.run(*words).returncode == 1
    place.write("mended", "")
    done = place.run(*words, "--resume")
    assert done.returncode == 1
    title, *_, retry = done.stdout.splitlines()
    assert title == "Run complete, 5 items failed: there was nothing left to do"
    assert len(place.failures()) == 5
    command = shlex.split(retry.removeprefix("retry with: "))
    assert command[-1] == "--retry-failed"
    done = subprocess.run(command, cwd=place.directory, capture_output=True, text=True)
    assert ended(done) == (0, [])
    assert "retry with" not in done.stdout
    assert place.failures() == []
    place.check("out.jsonl", range(10))


@pytest.mark.parametrize("halt", ["3", "20%"])
def test_halt_stops_the_run_which_the_printed_command_completes(place: Place, halt: str) -> None:
    place.numbers(3000)
    done = place.run("tasks.py:odd_fails", "in.txt", "-o", "out.jsonl", "--halt", halt)
    code, [line] = ended(done)
    assert code == 4
    assert re.match(r"Run stopped after [\d,]+ items: too many failed\n", done.stdout)
    assert 0 < len(place.failures()) < 1500
    words = shlex.split(line.removeprefix("resume with: "))
    words[words.index("--halt") + 1] = "2000"
    done = subprocess.run(words, cwd=place.directory, capture_output=True, text=True)
    assert done.returncode == 1
    place.check("out.jsonl", range(3000))


def test_a_limit_takes_the_first_items_and_a_resumed_run_the_rest(place: Place) -> None:
    words = ["tasks.py:same", "in.txt", "-k", "-o", "out.jsonl"]
    assert ended(place.run(*words, "--limit", "4")) == (0, [])
    place.check("out.jsonl", range(4))
    assert ended(place.run(*words, "--limit", "7", "--resume")) == (0, [])
    place.check("out.jsonl", range(7))
    assert ended(place.run(*words, "--resume")) == (0, [])
    assert place.results("out.jsonl") == FULL


def test_nothing_is_looked_at_beyond_a_limit(place: Place) -> None:
    place.write("cut.json", "[1, 2, ")
    words = ["tasks.py:same", "cut.json", "-o", "out.jsonl"]
    assert ended(place.run(*words, "--limit", "2")) == (0, [])
    assert ended(place.run(*words, "--limit", "2", "--resume")) == (0, [])
    place.check("out.jsonl", range(2))
    reading, writing = os.pipe()  # which stays open: nobody says that no more comes
    with os.fdopen(writing, "wb", 0) as pipe, os.fdopen(reading, "rb") as stdin:
        pipe.write(b"1\n2\n")
        live = command("tasks.py:same", "-", "-o", "live.jsonl", "--limit", "2")
        done = subprocess.run(live, cwd=place.directory, stdin=stdin, timeout=60, check=False)
    assert done.returncode == 0
    place.check("live.jsonl", range(2))


def test_a_limit_below_what_is_done_is_no_change_of_the_input(place: Place) -> None:
    words = ["tasks.py:same", "in.txt", "-o", "out.jsonl"]
    place.run(*words)
    assert ended(place.run(*words, "--resume", "--limit", "5")) == (0, [])


def test_a_dry_run_prints_the_plan_and_writes_nothing(place: Place) -> None:
    place.numbers(100_000)
    done = place.run("tasks.py:counted", "in.txt", "-o", "out.jsonl", "--dry-run")
    assert ended(done) == (0, [])
    assert done.stdout.startswith("Plan\n- Backend: ")
    assert place.names() == {"calls"}
    assert 0 < (place.directory / "calls").stat().st_size < 50_000
    place.write("empty.txt", "")
    done = place.run("tasks.py:same", "empty.txt", "--dry-run")
    assert ended(done) == (0, [])
    assert place.names() == {"calls", "empty.txt"}


def test_a_dry_run_of_coroutines_tries_a_few_and_reckons_with_the_rate(place: Place) -> None:
    place.numbers(1000)
    place.write(
        "later.py", 'async def later(item):\n    open("tried", "a").write("x")\n    return item\n'
    )
    done = place.run("later.py:later", "in.txt", "--dry-run", "--rate", "10")
    assert ended(done) == (0, [])
    assert "- Backend chosen: async, for an `async def` function\n" in done.stdout
    assert "- --rate 10/s lets 1,000 items start in 100.00s\n" in done.stdout
    assert "- Predicted time: 100.00s\n" in done.stdout
    assert 1 <= len(place.text("tried")) <= 20  # what has not begun is taken back


def test_setup_is_called_once_in_each_worker(place: Place) -> None:
    words = "tasks.py:same in.txt -o out.jsonl --setup set_up --batch-size 1 -j 2".split()
    assert place.run(*words, "--backend", "process").returncode == 0
    pids = place.text("workers").split()
    assert 1 <= len(pids) == len(set(pids)) <= 2
    place.check("out.jsonl", range(10))


def test_what_setup_gives_is_the_second_argument_and_its_second_half_comes_last(
    place: Place,
) -> None:
    words = "tasks.py:with_made in.txt -o out.jsonl --setup opened --batch-size 1 -j 2".split()
    assert ended(place.run(*words, "--backend", "process")) == (0, [])
    assert [line["result"] for line in place.results("out.jsonl")] == ["made"] * 10
    assert 1 <= len(place.text("undone").split()) <= 2


@pytest.mark.parametrize("backend", ["sequential", "thread", "process"])
def test_a_setup_that_fails_ends_the_run_with_its_traceback(place: Place, backend: str) -> None:
    words = ["tasks.py:same", "in.txt", "-o", "out.jsonl", "--backend", backend]
    done = place.run(*words, "--setup", "set_up_fails")
    line, *trace = done.stderr.splitlines()
    assert done.returncode == 3
    assert line == "--setup set_up_fails failed in a worker: OSError: no licence"
    assert trace[0].startswith("Traceback")
    assert [text.partition(", in ")[2] for text in trace if "File" in text] == ["set_up_fails"]
    assert trace[-1] == "OSError: no licence"
    assert place.results("out.jsonl") == place.failures() == []
    assert ended(place.run(*words, "--resume", "--accept-task")) == (0, [])
    place.check("out.jsonl", range(10))


def test_an_existing_output_is_left_alone_unless_said_otherwise(place: Place) -> None:
    words = ["tasks.py:same", "in.txt", "-o", "out.jsonl"]
    place.write("out.jsonl", "precious")
    assert ended(place.run(*words)) == (
        2,
        ["out.jsonl exists; --overwrite drops it, or name another file"],
    )
    code, [line] = ended(place.run(*words, "--resume"))
    assert (code, line[:24]) == (3, "out.jsonl has no journal")
    assert place.text("out.jsonl") == "precious"
    assert place.names() == {"out.jsonl"}
    assert ended(place.run(*words, "--overwrite")) == (0, [])
    place.check("out.jsonl", range(10))
    assert ended(place.run(*words)) == (
        2,
        [
            "out.jsonl exists; --resume goes on with it, --sync also where the input has changed, "
            "--overwrite begins anew"
        ],
    )
    assert ended(place.run(*words, "--overwrite", "--limit", "2")) == (0, [])
    place.check("out.jsonl", range(2))


def test_a_resumed_run_does_nothing_twice_and_may_run_otherwise(place: Place) -> None:
    words = ["tasks.py:counted", "in.txt", "-o", "out.jsonl"]
    assert place.run(*words, "--limit", "6").returncode == 0
    others = "--resume -j 2 --backend thread --batch-size 2 --retries 3 --timeout 9 --rate 1000"
    assert ended(place.run(*words, *others.split(), "--memory-floor", "1K")) == (0, [])
    assert len(place.text("calls")) == 10
    place.check("out.jsonl", range(10))


@pytest.mark.parametrize("output", rest_slow(1, "out.csv", "out.parquet"))
def test_what_changed_before_a_resume_is_named(place: Place, output: str) -> None:
    words = ["in.txt", "-o", output, "--resume"]
    anew = "; --overwrite begins anew"
    accept = "; --accept-task goes on with it as it is now, --overwrite begins anew"
    sync = "; --sync does what is new or changed, --overwrite begins anew"
    place.run("tasks.py:row", *words, "--limit", "6")
    before = (place.directory / output).read_bytes()
    changes = [
        (["tasks.py:same"], "the function was row and is same now" + accept),
        (
            ["tasks.py:row", "--unordered"],
            "--keep-order was True when the run began and is False now" + anew,
        ),
        (
            ["tasks.py:row", "--input-format", "jsonl"],
            "--input-format was text when the run began and is jsonl now" + anew,
        ),
    ]
    for changed, message in changes:
        assert ended(place.run(*changed, *words)) == (3, [message])
    place.write("in.txt", "0\n1\n2\nx\n4\n5\n6\n")
    assert ended(place.run("tasks.py:row", *words)) == (
        3,
        [f"in.txt line 4 is not what it was when the run began{sync}"],
    )
    place.numbers(5)
    assert ended(place.run("tasks.py:row", *words)) == (
        3,
        [f"in.txt ends after 5 items and had more when the run began{sync}"],
    )
    assert (place.directory / output).read_bytes() == before
    place.numbers(8)
    place.write("tasks.py", place.text("tasks.py") + "\nMORE = 1\n")
    assert ended(place.run("tasks.py:row", *words)) == (
        3,
        [f"the task's code has changed since the run began: MORE in tasks.py{accept}"],
    )
    assert ended(place.run("tasks.py:row", *words, "--accept-task")) == (0, [])
    place.check(output, range(8))


def test_items_that_fail_once_succeed_with_a_retry(place: Place) -> None:
    words = "tasks.py:fails_once in.txt -o out.jsonl --backend thread".split()
    done = place.run(*words, "--retries", "1")
    assert done.returncode == 0
    assert ", 0 failed, 10 retries; " in done.stdout
    place.check("out.jsonl", range(10))


def test_the_export_of_a_run_has_the_figures_that_apply(place: Place) -> None:
    words = ["tasks.py:odd_fails", "in.txt", "-o", "out.jsonl", "--export-json", "report.json"]
    assert place.run(*words).returncode == 1
    document = json.loads(place.text("report.json"))
    assert document["command"] == "run"
    assert {"settings", "plan", "machine", "analysis", "parallel_metrics"} <= document.keys()
    assert "sequential_metrics" not in document
    assert document["parallel_metrics"]["total_processed"] == 10
    place.check("out.jsonl", range(10))


def test_quiet_says_what_failed_and_else_nothing(place: Place) -> None:
    words = ["in.txt", "-o", "out.jsonl", "--overwrite", "-q"]
    done = place.run("tasks.py:same", *words, quiet=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = place.run("tasks.py:odd_fails", *words, quiet=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "Run complete, 5 items failed",
        "Error: 5 times, first at in.txt line 2: ValueError: 1 is odd",
    ]
    done = place.run("tasks.py:same", "in.txt", "-q", quiet=False)
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr) == (0, 10, "")


def test_the_whole_report_begins_with_the_summary(place: Place) -> None:
    words = ["tasks.py:odd_fails", "in.txt", "-o", "out.jsonl", "--backend", "thread"]
    short = place.run(*words).stdout.splitlines()
    assert len(short) <= 8
    assert not {"Plan", "Performance Results"} & set(short)
    whole = place.run(*words, "--overwrite", "--details").stdout.splitlines()
    assert [line.partition(" ")[2][:6] for line in whole[: len(short) - 1]] == [
        line.partition(" ")[2][:6] for line in short[:-1]
    ]
    assert whole[-1].startswith("retry with: ")
    for line in ("Performance Results", "Most frequent errors", "Plan", "- Backend: thread"):
        assert line in whole


def test_progress_and_warnings_go_to_stderr_and_can_be_switched_off(place: Place) -> None:
    words = ["tasks.py:odd_fails", "in.txt", "--overwrite", "-o", "out.jsonl"]
    done = place.run(*words, quiet=False)
    assert done.stderr.startswith("run: 10/10 items, 5 failed, ")
    assert ended(place.run(*words, "--no-progress", quiet=False)) == (1, [])
    assert "INFO LoadDataNode" in place.run(*words, "--log-level", "debug", quiet=False).stderr


def test_formulas_are_defused_in_cells_and_headers_when_asked_to(place: Place) -> None:
    place.write("in.txt", "=1+1\n+a\n-5\n@c\n\tq\nplain\n")
    assert place.run("tasks.py:text", "in.txt", "-o", "raw.csv", "-k").returncode == 0
    assert place.text("raw.csv") == "result\n=1+1\n+a\n-5\n@c\n\tq\nplain\n"
    words = ["-o", "out.csv", "-k", "--defuse-formulas"]
    assert place.run("tasks.py:text", "in.txt", *words, "--limit", "2").returncode == 0
    assert place.run("tasks.py:text", "in.txt", *words, "--resume").returncode == 0
    assert place.text("out.csv") == "result\n'=1+1\n'+a\n'-5\n'@c\n'\tq\nplain\n"


def test_without_a_terminal_in_any_language_the_report_is_plain(place: Place) -> None:
    done = place.run(
        "tasks.py:odd_fails", "in.txt", LC_ALL="C", PYTHONUTF8="0", COLUMNS="1", quiet=False
    )
    assert done.returncode == 1
    assert "\x1b" not in done.stderr
    assert "- Failed items: 5, not kept; --errors FILE keeps them\n" in done.stderr
    assert len(done.stdout.splitlines()) == 5


def test_the_items_of_a_pattern_are_paths_in_their_order(place: Place) -> None:
    (place.directory / "d").mkdir()
    for name in ("b", "a"):
        place.write(f"d/{name}.txt", "")
    assert place.run("tasks.py:same", "d/*.txt", "-k", "-o", "out.jsonl").returncode == 0
    assert [line["item"] for line in place.results("out.jsonl")] == [
        "d/a.txt",
        "d/b.txt",
    ]


@pytest.mark.skipif(not Path("/dev/shm").is_mount(), reason="there is no file system in memory")
def test_a_file_system_in_memory_has_files_like_any_other(
    run_main: RunMain, tmp_path: Path
) -> None:
    pytest.importorskip("prometheus_client")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        lines, out = Path(directory, "in.txt"), Path(directory, "out.jsonl")
        lines.write_text("a\nbb\n")
        words = ("run", "builtins:len", str(lines), "-o", str(out), *REPORT_ALONE)
        assert run_main(*words, "--limit", "1").returncode == 0
        files = (
            "--export-json",
            f"{directory}/report.json",
            "--metrics-file",
            f"{directory}/m.prom",
        )
        done = run_main(*words, "--resume", *files)
        assert done.returncode == 0, done.stderr
        assert [line["result"] for line in json_lines(out)] == [1, 2]
        assert json.loads(Path(directory, "report.json").read_text())
        assert "batchmap" in Path(directory, "m.prom").read_text()
