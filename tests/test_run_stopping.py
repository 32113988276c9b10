"""How `run` keeps its order and its bounds, is stopped, and goes on."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import rest_slow
from tests.run_command import Place, ended, place, reached, released
from tests.waiting import wait_until

__all__ = ["place"]

BACKENDS = ("sequential", "thread", "process")


def test_in_order_only_so_many_items_run_ahead_of_a_slow_one(place: Place) -> None:
    place.write(
        "ahead.py",
        "import threading\n"
        "many, first = threading.Event(), threading.Event()\n"
        "def f(item):\n"
        "    number = int(item)\n"
        "    if number == 0: assert many.wait(60); first.set()\n"
        "    if number == 40_000: many.set()\n"
        "    if number > 60_000 and not first.is_set(): raise ValueError('too far ahead')\n"
        "    return number\n",
    )
    place.numbers(80_000)
    words = "ahead.py:f in.txt -k -o out.jsonl --backend thread -j 4".split()
    assert ended(place.run(*words)) == (0, [])
    assert [line["index"] for line in place.results("out.jsonl")] == list(range(80_000))


def test_in_order_the_first_item_fixes_the_columns_of_csv(place: Place) -> None:
    place.write(
        "columns.py",
        "import threading\n"
        "last = threading.Event()\n"
        "def f(item):\n"
        "    if item == '0': assert last.wait(60); return {'v': 0, 'w': 1}\n"
        "    if item == '9': last.set()\n"
        "    return {'v': item}\n",
    )
    words = "columns.py:f in.txt -k -o out.csv --backend thread -j 4 --batch-size 1".split()
    assert ended(place.run(*words)) == (0, [])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_ends_though_every_item_fails_at_every_attempt(place: Place, backend: str) -> None:
    words = "tasks.py:all_fail in.txt -o out.jsonl --retries 1".split()
    assert ended(place.run(*words, "--backend", backend)) == (1, [])
    place.check("out.jsonl", range(10))
    assert {line["attempts"] for line in place.failures()} == {2}


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("backend", rest_slow(1, "process", "thread"))
def test_a_signal_drains_the_run_which_is_then_resumed(
    place: Place, number: signal.Signals, code: int, backend: str
) -> None:
    place.gates()
    words = "tasks.py:gated in.txt -o out.jsonl -j 1 --batch-size 1 --no-progress".split()
    with place.running(*words, "--backend", backend) as run:
        reached(place, run)
        run.send_signal(number)
        assert run.stderr is not None
        assert run.stderr.readline().startswith("stopping: ")
        assert released(place, run) == code
        assert run.stderr.read().startswith("resume with: ")
    done = [line["index"] for line in place.results("out.jsonl")]
    assert set(range(6)) <= set(done) < set(range(10))
    place.check("out.jsonl", done)
    place.write("passed", "")
    assert ended(place.run(*words, "--resume")) == (0, [])
    place.check("out.jsonl", range(10))


@pytest.mark.parametrize(
    ("times", "words"),
    [(2, ["-k"]), (2, ["-o", "out.csv"]), (2, ["-o", "out.parquet"]), (3, [])],
)
def test_more_signals_give_up_what_runs_and_nothing_else(
    place: Place, times: int, words: list[str]
) -> None:
    place.gates()
    output = words[-1] if "-o" in words else "out.jsonl"
    words = ["tasks.py:gated", "in.txt", "-o", output, *words, "--no-progress"]
    with place.running(*words, "--backend", "process", "-j", "1", "--batch-size", "1") as run:
        reached(place, run)
        assert run.stderr is not None
        run.send_signal(signal.SIGINT)
        run.stderr.readline()
        for _ in range(times - 1):
            with suppress(ProcessLookupError):
                run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
    place.check_no_process()
    place.write("passed", "")
    assert ended(place.run(*words, "--resume", quiet=False)) == (0, [])
    place.check(output, range(10))


@pytest.mark.parametrize("output", rest_slow(2, "out.jsonl", "out.parquet", "out.csv"))
def test_a_killed_run_is_resumed_and_leaves_no_worker(place: Place, output: str) -> None:
    place.gates()
    words = ["tasks.py:gated", "in.txt", "-k", "-o", output]
    with place.running(*words, "--backend", "process", "-j", "2") as run:
        reached(place, run)
        run.kill()
        assert run.wait(60) == -signal.SIGKILL
    place.write("passed", "")
    assert ended(place.run(*words, "--resume")) == (0, [])
    place.check(output, range(10))
    results: list[Any] = place.results(output)
    assert ended(place.run(*words, "--overwrite")) == (0, [])
    assert place.results(output) == results


def test_a_signal_at_the_start_or_at_the_end_loses_nothing(place: Place) -> None:
    place.gates()
    start = "import os\nif os.path.exists('up'): open('up', 'w').write('here'); open('go').read()\n"
    place.write("tasks.py", start + place.text("tasks.py"))
    words = ["tasks.py:same", "in.txt", "-o", "out.jsonl", "--no-progress"]
    with place.running(*words) as run:
        reached(place, run)
        run.send_signal(signal.SIGINT)
        assert released(place, run) == 130
    os.unlink(place.directory / "up")
    assert place.results("out.jsonl") == []
    assert ended(place.run(*words, "--resume")) == (0, [])
    place.check("out.jsonl", range(10))
    assert ended(place.run(*words, "--resume")) == (0, [])


def test_a_run_that_was_refused_leaves_no_file_of_the_journals(place: Place) -> None:
    words = ["tasks.py:same", "in.txt", "-o", "out.jsonl"]
    place.run(*words)
    place.write("in.txt", "x\n1\n")
    assert place.run(*words, "--resume").returncode == 3
    assert not Path(place.directory, "out.jsonl.journal-wal").exists()


@pytest.mark.parametrize("formats", [("jsonl", "csv"), ("csv", "jsonl"), ("jsonl", "parquet")])
def test_an_accepted_change_never_mixes_two_formats(place: Place, formats: tuple[str, str]) -> None:
    words = ["tasks.py:row", "in.txt", "-o", f"out.{formats[0]}"]
    place.run(*words, "--limit", "5")
    more = ["--output-format", formats[1], "--resume", "--accept-task"]
    code, _ = ended(place.run(*words, *more))
    assert code in (2, 3)


@pytest.mark.parametrize("backend", rest_slow(1, "process", "thread", "async"))
def test_time_for_which_all_is_suspended_is_no_items_time(place: Place, backend: str) -> None:
    kind = "async " if backend == "async" else ""
    wait = "await asyncio.sleep(1.2)" if kind else "time.sleep(1.2)"
    place.write(
        "waits.py",
        "import asyncio, time\n"
        f"{kind}def f(item):\n    open('up', 'w').close()\n    {wait}\n    return item\n",
    )
    place.numbers(2)
    words = ["waits.py:f", "in.txt", "-o", "out.jsonl", "--backend", backend, "-j", "2"]
    with place.running(*words, "--timeout", "2", session=True) as run:
        wait_until((place.directory / "up").exists, process=run)
        time.sleep(0.3)  # until the item waits
        os.killpg(run.pid, signal.SIGSTOP)
        time.sleep(3.5)  # beyond the limit, which is what this is about
        os.killpg(run.pid, signal.SIGCONT)
        assert run.wait(60) == 0
    place.check("out.jsonl", range(2))


@pytest.mark.parametrize("order", [[], ["-k"]])
def test_the_command_printed_where_no_result_could_be_written_takes_a_corrected_task(
    place: Place, order: list[str]
) -> None:
    place.write("kind.py", "def f(item): return item.encode()\n")
    place.numbers(300)
    done = place.run("kind.py:f", "in.txt", *order, "-o", "out.jsonl", "--backend", "sequential")
    assert done.returncode == 4
    title, _, command = done.stderr.splitlines()[-1].partition(": ")
    assert title == "resume with"
    place.write("kind.py", "def f(item): return item\n")
    again = subprocess.run(
        shlex.split(command), cwd=place.directory, capture_output=True, text=True, timeout=100
    )
    assert again.returncode == 0, again.stderr
    assert sorted(line["index"] for line in place.results("out.jsonl")) == list(range(300))
