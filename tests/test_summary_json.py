"""`--summary-json`: one small object, however the command ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from batchmap import __version__

from tests.conftest import RunMain
from tests.pages import PATHS, run_command
from tests.run_command import Place, ended, place, reached, released, small_disk, without_privileges
from tests.waiting import WAIT_S, wait_until

__all__ = ["place"]

SUMMARY = ("--summary-json", "summary.json")


def read(directory: Path) -> dict[str, Any]:
    """Return the summary, and check what holds of every one."""
    summary: dict[str, Any] = json.loads((directory / "summary.json").read_text())
    assert (summary["version"], summary["host"]) == (__version__, os.uname().nodename)
    assert summary["started"] <= summary["ended"]
    assert not list(directory.glob(".export-*"))
    return summary


def counts(summary: dict[str, Any]) -> tuple[int, ...]:
    items = summary["items"]
    names = ("succeeded", "failed", "succeeded_before", "failed_before", "retries")
    assert set(items) == set(names)
    return tuple(items[name] for name in names)


def test_a_run_that_did_all_says_so(place: Place) -> None:
    for _ in range(2):  # the second one replaces the first one's
        assert ended(
            place.run("tasks.py:same", "in.txt", "-o", "out.jsonl", "--sync", *SUMMARY)
        ) == (0, [])
    summary = read(place.directory)
    assert (summary["command"], summary["exit_code"], summary["message"]) == ("run", 0, "")
    assert counts(summary) == (0, 0, 10, 0, 0)
    assert summary["first_errors"] == []
    assert list(summary) == [
        "command", "version", "host", "started", "ended", "duration_s", "exit_code", "items",
        "first_errors", "message",
    ]  # fmt: skip


def test_failed_items_are_counted_and_the_first_of_each_kind_is_named(place: Place) -> None:
    words = "tasks.py:odd_fails in.txt -o out.jsonl --retries 1".split()
    assert place.run(*words, *SUMMARY).returncode == 1
    summary = read(place.directory)
    assert (summary["exit_code"], counts(summary)) == (1, (5, 5, 0, 0, 5))
    [error] = summary["first_errors"]
    assert (error["error_type"], error["number"]) == ("ValueError", 5)
    assert (error["place"], error["error"]) == ("in.txt line 2", "1 is odd")


def test_a_run_that_goes_on_tells_what_was_there_before(place: Place) -> None:
    words = "tasks.py:odd_fails in.txt -o out.jsonl --limit 4".split()
    assert place.run(*words).returncode == 1
    assert place.run(*words[:-2], "--resume", *SUMMARY).returncode == 1
    assert counts(read(place.directory)) == (3, 3, 2, 2, 0)


@pytest.mark.parametrize(
    ("words", "code", "message", "counted"),
    [
        ("in.txt -o out.jsonl --halt 1 -j 1", 4, "", True),
        ("missing.txt -o out.jsonl", 3, "missing.txt: there is no such file", False),
        ("in.txt -o out.jsonl --errors held/errors", 2, "", None),
        ("-o out.jsonl --setup set_up_fails in.txt", 3, "set_up_fails", None),
    ],
)
def test_a_run_that_ends_early_says_why(
    place: Place, words: str, code: int, message: str, counted: bool | None
) -> None:
    done = place.run("tasks.py:odd_fails", *words.split(), *SUMMARY)
    assert done.returncode == code
    if code == 2:  # a wrong option, and so no command
        assert not (place.directory / "summary.json").exists()
        return
    summary = read(place.directory)
    assert summary["exit_code"] == code
    assert message in summary["message"]
    assert (summary["items"] is not None) == counted or counted is None


def test_a_task_that_cannot_be_loaded_is_told(place: Place) -> None:
    assert place.run("tasks.py:smae", "in.txt", *SUMMARY).returncode == 2
    summary = read(place.directory)
    assert (summary["exit_code"], summary["items"]) == (2, None)
    assert summary["message"] == "no function 'smae' in tasks.py; did you mean same?"


def test_a_second_run_says_that_another_one_holds_the_output(place: Place) -> None:
    place.gates()
    words = ("tasks.py:gated", "in.txt", "-o", "out.jsonl")
    with place.running(*words, "--no-progress") as process:
        reached(place, process)
        assert place.run(*words, "--resume", *SUMMARY).returncode == 75
        assert released(place, process) == 0
    summary = read(place.directory)
    assert (summary["exit_code"], summary["items"]) == (75, None)
    assert "another run" in summary["message"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_a_signal_stops_tells_what_is_done(
    place: Place, number: signal.Signals, code: int
) -> None:
    place.gates()
    words = "tasks.py:gated in.txt -o out.jsonl --backend thread -j 1 --batch-size 1".split()
    with place.running(*words, "--no-progress", *SUMMARY) as process:
        reached(place, process)
        process.send_signal(number)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("stopping: ")
        assert released(place, process) == code
    summary = read(place.directory)
    assert summary["exit_code"] == code
    assert counts(summary) == (len(place.results("out.jsonl")), 0, 0, 0, 0)


def test_a_third_signal_leaves_a_summary_with_what_was_told_until_then(place: Place) -> None:
    place.gates()
    words = "tasks.py:gated in.txt -o out.jsonl --backend thread -j 1 --batch-size 1".split()
    with place.running(*words, *SUMMARY) as process:
        reached(place, process)
        for _ in range(3):
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    summary = read(place.directory)
    assert summary["exit_code"] == 130
    assert summary["items"]["succeeded"] <= 5


def test_what_ends_its_process_is_counted_in_one_command_with_the_rest(place: Place) -> None:
    place.write("crash.py", "import os\ndef f(item):\n    if item == '5': os._exit(7)\n")
    words = "crash.py:f in.txt -o out.jsonl --backend thread -j 1 --batch-size 1".split()
    assert place.run(*words, *SUMMARY).returncode == 1
    assert counts(read(place.directory)) == (9, 1, 0, 0, 0)


def test_a_fault_of_the_program_is_told_by_its_error(place: Place) -> None:
    place.write(
        "fault.py",
        "from batchmap.job import Job\n"
        "def broken(self): raise ZeroDivisionError('of ours')\n"
        "Job.open = broken\n"
        "def f(item): return item\n",
    )
    assert place.run("fault.py:f", "in.txt", *SUMMARY).returncode == 70
    summary = read(place.directory)
    assert (summary["exit_code"], summary["message"]) == (70, "ZeroDivisionError: of ours")


@pytest.mark.parametrize(
    ("words", "succeeded", "failed"),
    [
        ("compare 8 2 --failure-rate 0.5", 4, 4),
        ("parallel 8 2 --failure-rate 0", 8, 0),
        ("compare tasks.py:same in.txt", 10, 0),
    ],
)
def test_the_demonstration_has_one_too(
    run_main: RunMain, tmp_path: Path, words: str, succeeded: int, failed: int
) -> None:
    Place(tmp_path)
    latency = [] if "tasks.py" in words else ["--latency", "0.001"]
    done = run_main(*words.split(), *latency, *SUMMARY, "-q")
    assert ended(done) == (0, [])
    summary = read(tmp_path)
    assert (summary["command"], summary["exit_code"]) == (words.split()[0], 0)
    assert counts(summary)[0] + counts(summary)[1] == succeeded + failed
    if failed == 0:
        assert counts(summary) == (succeeded, 0, 0, 0, 0)


HOLDING = """
import sys, time
from batchmap.command.application import Application
from batchmap.command.arguments import Program, Subcommand
from batchmap.command.settings import CommandSettings

def hold(settings, stop, monitoring):
    print("held", file=sys.stderr, flush=True)
    time.sleep(1000)

program = Program("python hold.py", "", (Subcommand("hold", "hold", CommandSettings),), "1")
Application(program, {"hold": hold}).run_as_script()
"""


def test_a_command_without_a_child_writes_one_though_it_will_not_end(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, "hold", *SUMMARY],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": PATHS},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "held\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline().startswith("stopping: ")
        for _ in range(2):
            process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 130
    summary = read(tmp_path)
    assert (summary["command"], summary["exit_code"], summary["items"]) == ("hold", 130, None)


def test_verify_has_one_and_spares_the_output(place: Place) -> None:
    place.run("tasks.py:same", "in.txt", "-o", "out.jsonl")
    words = "batchmap verify out.jsonl"
    assert run_command(f"{words} --summary-json summary.json", place.directory).returncode == 0
    assert read(place.directory)["command"] == "verify"
    before = place.text("out.jsonl")
    done = run_command(f"{words} --summary-json out.jsonl", place.directory)
    assert done.returncode == 2
    assert done.stderr == "--summary-json out.jsonl: that is --output; name another file\n"
    assert place.text("out.jsonl") == before


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("-", "--summary-json takes a file, and not standard output; name a file"),
        ("", "--summary-json is empty; name a file"),
        (".", "--summary-json .: a directory; name a file in it"),
        ("no/s.json", "--summary-json no/s.json: there is no directory no; make it first"),
        ("s.json.gz", "--summary-json s.json.gz: is not compressed; leave .gz out"),
        (
            "in.txt",
            "--summary-json in.txt: exists and holds no summary of a command; name another file, "
            "or remove it",
        ),
        (
            "table.db",
            "--summary-json table.db: exists and holds no summary of a command; name another "
            "file, or remove it",
        ),
        (
            "list.json",
            "--summary-json list.json: exists and holds no summary of a command; name another "
            "file, or remove it",
        ),
        ("tasks.py", "--summary-json tasks.py: that is --task; name another file"),
        ("out.jsonl", "--output out.jsonl: that is the summary; name another file"),
        ("x.json", "--summary-json x.json: that is --export-json; name another file"),
    ],
)
def test_a_file_that_cannot_be_had_is_refused_before_the_run(
    place: Place, file: str, fault: str
) -> None:
    held = {"table.db": b"\xff\x00", "list.json": b"[]", "in.txt": b"0\n1\n"}
    for name, data in held.items():
        place.write(name, data)
    words = "tasks.py:counted in.txt -o out.jsonl --export-json x.json".split()
    done = place.run(*words, "--summary-json", file)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, fault)
    assert place.names() == {"table.db", "list.json"}
    for name, data in held.items():
        assert (place.directory / name).read_bytes() == data


def test_a_directory_that_may_not_be_written_is_refused_before_the_run(place: Place) -> None:
    (place.directory / "locked").mkdir(mode=0o555)
    words = "tasks.py:counted in.txt -o out.jsonl --summary-json locked/s.json".split()
    done = place.run(*words, before=without_privileges)
    told = "--summary-json locked/s.json: may not be written there; name another file"
    assert ended(done) == (2, [told])
    assert place.names() == {"locked"}


def test_a_disk_that_is_full_by_then_is_told_and_the_output_is_there(place: Place) -> None:
    with small_disk(place.directory / "disk", "4k"):
        (place.directory / "disk" / "full").write_bytes(b"x" * 4096)
        words = "tasks.py:same in.txt -o out.jsonl --summary-json disk/s.json".split()
        code, lines = ended(place.run(*words))
    assert code == 3
    assert lines == [
        "--summary-json disk/s.json: cannot be written (No space left on device); name another file"
    ]
    place.check("out.jsonl", range(10))


def test_a_pipe_gets_it_once(place: Place) -> None:
    os.mkfifo(place.directory / "pipe")
    words = "tasks.py:same in.txt -o out.jsonl --summary-json pipe --no-progress".split()
    with place.running(*words) as process:
        text = (place.directory / "pipe").read_text()
        wait_until(lambda: process.poll() is not None)
        assert process.returncode == 0
    assert json.loads(text)["exit_code"] == 0
