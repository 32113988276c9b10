"""`compare` and `benchmark` with a function of the user's own, as a user runs them."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.conftest import RunMain

TASKS = '''
import os, random, threading, time

counter = 0

def count(line):
    """Count an item, with nothing to guard the counter, and tell by how much it grew meanwhile."""
    global counter
    before = counter
    counter = before + 1
    time.sleep(0.005)
    return counter - before

def double(line): return 2 * int(line)
def draw(line): return random.random()
def field(record): return record["number"] / 3
def in_its_thread(line):
    off = 1e-12 if threading.current_thread() is not threading.main_thread() else 0.0
    return int(line) / 3 + off
async def double_later(line): return 2 * int(line)

seeded = random.Random(7)
def draw_seeded(line):
    time.sleep(0.02)
    return seeded.random()
'''


@pytest.fixture
def compare(tmp_path: Path, run_main: RunMain) -> Any:
    """Return how to compare a function of the task file over 40 lines, or what is named."""
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "lines.txt").write_text("".join(f"{number}\n" for number in range(40)))

    def run(
        name: str, *words: str, command: str = "compare", source: str = "lines.txt"
    ) -> CompletedProcess[str]:
        own = ("--task", f"tasks.py:{name}", "--input", source)
        return run_main(command, *own, "--no-progress", "--details", *words)

    return run


def test_a_function_of_ones_own_is_compared_over_the_lines_of_a_file(compare: Any) -> None:
    done = compare("double", "--export-json", "report.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert "- Total items: 40\n" in done.stdout
    assert "- Results match: ✓\n" in done.stdout


@pytest.mark.parametrize("command", ["compare", "benchmark"])
def test_quiet_prints_what_went_wrong_alone(run_main: RunMain, compare: Any, command: str) -> None:
    own = ("--input", "lines.txt", "--backend", "thread", "-q")
    done = run_main(command, "--task", "tasks.py:double", *own)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run_main(command, "--task", "tasks.py:draw", *own)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"40 of 40 items differ, so the speedup of \d+\.\d\dx counts for nothing\n", done.stderr
    )


def test_the_count_limits_the_items(compare: Any) -> None:
    assert "- Total items: 7\n" in compare("double", "7").stdout


def test_items_are_the_records_that_the_suffix_tells(compare: Any, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"number": 1}\n\n{"number": 2}\n')
    done = compare("field", source="rows.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    assert "- Total items: 2\n" in done.stdout
    assert "- Sequential errors: 0\n" in done.stdout


def test_coroutines_are_compared_too(compare: Any) -> None:
    done = compare("double_later")
    assert done.returncode == 0, done.stderr
    assert "- Backend: async\n" in done.stdout


@pytest.mark.parametrize("backend", ["thread", "auto"])
def test_an_unguarded_counter_is_shown_where_it_went_wrong(compare: Any, backend: str) -> None:
    for _ in range(3):  # a cause is looked for within two seconds, which may be short
        done = compare("count", "--backend", backend, "-j", "4")
        if "- Why: " in done.stdout:
            break
    assert done.returncode == 1
    assert "- Results match: ✗\n" in done.stdout
    assert re.search(r"(?m)^- lines.txt line \d+: sequential 1, parallel (?!1$)-?\d+$", done.stdout)
    assert "so it is not thread-safe: calls at the same time change" in " ".join(
        done.stdout.split()
    )
    assert "do not match, so the speedup counts for nothing" in done.stdout


def test_chance_is_told_apart_from_a_fault_of_the_engine(compare: Any) -> None:
    done = compare("draw", "--backend", "thread")
    assert done.returncode == 1
    assert "- Why: the function is not deterministic: " in done.stdout
    assert "- Items that differ: 40\n" in done.stdout


def test_workers_that_begin_with_the_same_seed_are_named(compare: Any) -> None:
    done = compare("draw_seeded", "--backend", "process", "-j", "2", "--batch-size", "20")
    assert done.returncode == 1
    assert "- Why: workers 0 and 1 began with the same results" in done.stdout


def test_a_tolerance_lets_floats_differ_by_little(compare: Any) -> None:
    words = ("in_its_thread", "--backend", "thread")
    assert compare(*words).returncode == 1
    assert compare(*words, "--tolerance", "1e-9").returncode == 0


def test_rounds_are_run_in_turn_and_told_with_their_range(compare: Any, tmp_path: Path) -> None:
    done = compare("double", "--repeat", "3", "--export-json", "report.json")
    assert done.returncode == 0, done.stderr
    assert "- Rounds: 3, in turn; " in done.stdout
    document = json.loads((tmp_path / "report.json").read_text())
    times = document["analysis"]["parallel_times"]["values"]
    assert len(times) == 3
    assert sorted(times)[1] == document["analysis"]["parallel_time"]
    assert sorted(times)[1] == document["parallel_metrics"]["total_duration"]
    assert sorted(times)[1] == document["timeline"]["parallel"]["wall_s"]


def test_a_mismatch_of_any_round_counts(compare: Any, tmp_path: Path) -> None:
    with (tmp_path / "tasks.py").open("a") as tasks:
        tasks.write(
            "\ncalls = 0\n"
            "def later_wrong(line):\n"
            "    global calls\n"
            "    calls += 1\n"
            "    return 60 < calls <= 80\n"
        )
    done = compare("later_wrong", "20", "--backend", "thread", "-j", "1", "--repeat", "3")
    assert done.returncode == 1
    assert "- Results match: ✗\n" in done.stdout


@pytest.mark.parametrize("command", ["compare", "benchmark"])
def test_task_and_inputs_stand_where_the_count_would(
    compare: Any, run_main: RunMain, tmp_path: Path, command: str
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x.jsonl").write_text("1\n2\n")
    words = ["tasks.py:double", "lines.txt", "more", "--rows", "--export-json", "report.json"]
    done = run_main(command, *words, "--sample", "41", "--seed", "2", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads((tmp_path / "report.json").read_text())
    one = report["scenarios"][0] if command == "benchmark" else report
    assert one["sequential_metrics"]["total_processed"] == 41


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "tasks.py:double"], "--task tasks.py:double: needs --input INPUT"),
        (["--setup", "open_all"], "--setup open_all: needs --task"),
        (["--input-format", "csv"], "--input-format csv: needs --task"),
        (["--task", "tasks.py:double", "--input", "lines.txt", "--setup", "no"],
         "no function 'no'"),
        (["--task", "tasks.py:double", "--input", "no*.txt"], "no file matches no*.txt"),
        (["--task", "tasks.py:double", "--input", "-"], "standard input: is read more than once"),
        (["--task", "tasks.py:double", "--input", "ftq://a"], "ftq:// is not known"),
        (["--task", "tasks.py:double", "--input", "lines.txt", "--input-format", "x"],
         "--input-format must be one of"),
        (["--task", "tasks.py:no", "--input", "lines.txt"], "no function 'no' in tasks.py"),
        (["--task", "tasks.py:double", "--input", "none.txt"], "--input none.txt: there is no"),
        (["--task", "t", "--input", "lines.txt", "--workload", "io"], "--workload is for built-in"),
        (["--task", "t", "--input", "lines.txt", "--latency", "0"], "--latency is for built-in"),
        (["tasks.py:double"], "--task tasks.py:double: needs --input INPUT"),
        (["tasks.py:double", "lines.txt", "more.txt"], "2 INPUTs, lines.txt to more.txt: --rows"),
        (["tasks.py:double", "lines.txt", "--task", "t.py:f"],
         "TASK is tasks.py:double and --task is t.py:f; give one of them"),
        (["--rows"], "--rows: needs --task, which it is about"),
        (["--limit", "3"], "--limit 3: needs --task, which it is about"),
        (["--task", "t", "--input", "lines.txt", "--seed", "1"], "--seed is for built-in work"),
        (["5", "--task", "t", "--input", "lines.txt", "--limit", "3"],
         "--limit is the same as COUNT; give one of them"),
        (["--repeat", "0"], "--repeat must be at least 1, got 0"),
        (["--repeat", "many"], "--repeat must be a whole number, got 'many'"),
        (["--tolerance", "-1"], "--tolerance must be a number from 0, got '-1'"),
        (["--tolerance", "nan"], "--tolerance must be a number from 0, got 'nan'"),
        (["--task", "tasks.py:double", "--input", "lines.txt", "--backend", "async"],
         "--backend async needs an `async def` function"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_in_a_line(
    compare: Any, run_main: RunMain, words: list[str], message: str
) -> None:
    done = run_main("compare", *words)
    assert done.returncode in (2, 3)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_input_with_a_record_that_cannot_be_read_is_refused(
    compare: Any, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text('{"number": 1}\n{"number"\n')
    done = compare("field", source="rows.jsonl")
    assert done.returncode == 3
    assert done.stderr.startswith("rows.jsonl line 2: ")


def test_the_items_may_come_from_whatever_run_takes(compare: Any, tmp_path: Path) -> None:
    with (tmp_path / "tasks.py").open("a") as tasks:
        tasks.write("\nlength = None\ndef load(): global length; length = len\n")
        tasks.write("def measure(item): return length(item)\n")
    done = compare("measure", "--setup", "load", "--export-json", "x.txt", source="*.txt")
    assert done.returncode == 0, done.stderr
    assert "- Total items: 1\n" in done.stdout
    done = compare("measure", "--setup", "load", "--export-json", "x.txt", source="*.txt")
    assert "- Total items: 1\n" in done.stdout  # its own export is none
    (tmp_path / "rows").write_text("a b\n1 2\n3 4\n")
    words = ("--setup", "load", "--input-format", "csv", "--delimiter", " ", "--no-header")
    done = compare("measure", *words, source="rows")
    assert "- Total items: 3\n" in done.stdout
    done = compare("measure", "--setup", "load", source="sqlite:///shop.db?query=SELECT 1 AS a")
    assert done.returncode == 3
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        shop.execute("CREATE TABLE orders (id)")
    done = compare("measure", "--setup", "load", source="sqlite:///shop.db?query=SELECT 1 AS a")
    assert "- Total items: 1\n" in done.stdout
    done = compare("measure", "--export-json", "shop.db", source="sqlite:///shop.db?query=SELECT 1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--export-json shop.db: that is the input; name another file\n"
    done = compare("measure", "--setup", "load", "-j", "2", source="*.txt", command="benchmark")
    assert done.returncode == 0, done.stderr


def test_a_benchmark_of_ones_own_function_sweeps_the_workers(compare: Any, tmp_path: Path) -> None:
    done = compare(
        "double", "--sweep", "2,1", "--backend", "thread", "--export-json", "all.json",
        command="benchmark",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "tasks.py:double by Workers" in done.stdout
    document = json.loads((tmp_path / "all.json").read_text())
    [sweep] = document["sweeps"].values()
    assert [point["workers"] for point in sweep["points"]] == [1, 2]
    assert len(document["scenarios"]) == 2


def test_a_benchmark_is_kept_and_compared_with(compare: Any, tmp_path: Path) -> None:
    assert compare("double", "--save", "before.json", command="benchmark").returncode == 0
    done = compare("double", "--against", "before.json", command="benchmark")
    assert done.returncode == 0, done.stderr
    assert "Against the Earlier Run\n- tasks.py:double, sequential time: " in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sweep", "1,none"], "--sweep must be a whole number, got 'none'"),
        (["--sweep", "0"], "--sweep must be at least 1, got 0"),
        (["--sweep", "1,2", "-j", "2"], "--sweep names the worker counts, so not with --workers"),
        (["--suite", "unreal"], "--suite must be one of simulated, real, got 'unreal'"),
        (["--against", "none.json"], "--against none.json: there is no such file"),
        (["--against", "tasks.py"], "--against tasks.py: "),
        (["--save", "none/x.json"], "--save none/x.json: there is no directory"),
        (["--input", "lines.txt"], "--input lines.txt: benchmark takes it with --task only"),
    ],
)
def test_a_benchmark_that_makes_no_sense_is_told_before_it_runs(
    compare: Any, run_main: RunMain, words: list[str], message: str
) -> None:
    done = run_main("benchmark", *words)
    assert done.returncode in (2, 3)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
