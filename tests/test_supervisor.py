"""What ends the process that items run in costs the item, and not the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPORT_ALONE, ROOT, RunMain, rest_slow
from tests.waiting import wait_until

IN_PROCESSES = ("--backend", "process")

TASK = """
import ctypes
import os
import re

def exits(line):
    if line == "7":
        os._exit(0)
    return line

def crashes(line):
    if line == "7":
        ctypes.string_at(0)
    return line

def is_killed(line):
    if line == "7":
        os.kill(os.getpid(), 9)
    return line

def holds(line):
    if line == "7":
        open("held", "w").close()
        re.match("(a+)+$", "a" * 60 + "b")  # lets no other thread run, for years
    return line
"""

OWN_SIGNALS = """
import os, signal, subprocess

heard = []
for name in ("SIGCHLD", "SIGWINCH", "SIGUSR1", "SIGALRM"):
    signal.signal(getattr(signal, name), lambda number, frame: heard.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)

def f(line):
    subprocess.run(["true"], check=True)
    for number in (signal.SIGWINCH, signal.SIGUSR1):
        os.kill(os.getpid(), number)
    return line
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "tasks.py").write_text(TASK)
    (tmp_path / "leaves.py").write_text("import os\nos._exit(5)\ndef f(line):\n    return line\n")
    (tmp_path / "in.txt").write_text("".join(f"{number}\n" for number in range(50)))
    return tmp_path


@pytest.mark.parametrize(
    ("function", "ending", "backend"),
    rest_slow(
        3,
        ("exits", "exit code 0", "auto"),
        ("crashes", "signal SIGSEGV", "sequential"),
        ("is_killed", "signal SIGKILL", "thread"),
        ("exits", "exit code 0", "sequential"),
        ("exits", "exit code 0", "thread"),
        ("crashes", "signal SIGSEGV", "auto"),
        ("crashes", "signal SIGSEGV", "thread"),
        ("is_killed", "signal SIGKILL", "auto"),
        ("is_killed", "signal SIGKILL", "sequential"),
    ),
)
def test_an_item_that_ends_its_process_costs_itself_alone(
    function: str, ending: str, backend: str, directory: Path, run_main: RunMain
) -> None:
    words = ["run", f"tasks.py:{function}", "in.txt", "-o", "out.jsonl", "--backend", backend]
    done = run_main(*words, *REPORT_ALONE)
    assert (done.returncode, done.stderr) == (
        1,
        f"an item ended this process with {ending}; going on with processes\n",
    )
    lines = (directory / "out.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["index"] for line in lines) == [*range(7), *range(8, 50)]
    failure = json.loads((directory / "out.jsonl.errors.jsonl").read_text())
    assert (failure["index"], failure["error"].split(";")[0]) == (
        7,
        f"its worker ended with {ending}",
    )


def test_without_a_journal_the_way_out_is_told(directory: Path, run_main: RunMain) -> None:
    done = run_main("run", "tasks.py:exits", "in.txt", *REPORT_ALONE)
    assert (done.returncode, done.stderr) == (
        3,
        "an item ended this process with exit code 0; with --backend process it costs that item "
        "alone\n",
    )


def test_a_module_that_leaves_when_it_is_imported_is_refused(
    directory: Path, run_main: RunMain
) -> None:
    done = run_main("run", "leaves.py:f", "in.txt", "-o", "out.jsonl")
    assert (done.returncode, done.stderr) == (
        2,
        "leaves.py:f cannot be imported: it ended with exit code 5\n",
    )
    assert not (directory / "out.jsonl").exists()


def test_what_was_done_counts_though_the_process_is_killed_as_it_leaves(
    directory: Path, run_main: RunMain
) -> None:
    (directory / "late.py").write_text(
        "import atexit, os\natexit.register(os.kill, os.getpid(), 9)\n"
        "def f(line):\n    assert line != '7'\n    return line\n"
    )
    done = run_main("run", "late.py:f", "in.txt", "-o", "out.jsonl", *REPORT_ALONE)
    assert (done.returncode, done.stderr) == (1, "")
    assert len((directory / "out.jsonl").read_text().splitlines()) == 49


def test_a_signal_after_all_is_said_goes_unheard(directory: Path, run_main: RunMain) -> None:
    (directory / "late.py").write_text(
        "import atexit, os\natexit.register(os.kill, os.getpid(), 2)\n"
        "def f(line):\n    return line\n"
    )
    done = run_main("run", "late.py:f", "in.txt", "-o", "out.jsonl", *REPORT_ALONE)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_signal_to_the_command_alone_stops_the_run(directory: Path, run_main: RunMain) -> None:
    (directory / "stops.py").write_text(
        "import os, signal, time\ndef f(line):\n"
        "    if line == '7': os.kill(os.getppid(), signal.SIGTERM); time.sleep(0.5)\n"
        "    return line\n"
    )
    done = run_main("run", "stops.py:f", "in.txt", "-o", "out.jsonl", "--backend", "sequential")
    assert done.returncode == 128 + signal.SIGTERM
    assert "stopping: running items may finish" in done.stderr


def stream_of(kind: str, directory: Path) -> tuple[str, int]:
    """Return what names the input as a stream, and a descriptor to read it from."""
    if kind == "pipe":
        read_end, write_end = os.pipe()
        os.write(write_end, (directory / "in.txt").read_bytes())
        os.close(write_end)
        return "-", read_end
    os.mkfifo(directory / "fifo")
    writer = os.fork()
    if not writer:
        with (directory / "fifo").open("wb") as fifo:
            fifo.write((directory / "in.txt").read_bytes())
        os._exit(0)
    return "fifo", os.open(os.devnull, os.O_RDONLY)


@pytest.mark.parametrize("kind", ["pipe", "fifo"])
def test_a_stream_is_never_read_a_second_time(
    kind: str, directory: Path, run_main: RunMain
) -> None:
    name, stdin = stream_of(kind, directory)
    words = ["run", "tasks.py:exits", "-o", "out.jsonl", *REPORT_ALONE]
    with os.fdopen(stdin, "rb") as stream:
        done = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *words, name],
            cwd=directory, stdin=stream, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (
        3,
        "",
        "an item ended this process with exit code 0, and what was read of the input is gone; "
        "give the whole input again with --resume and --backend process, where it costs that item "
        "alone\n",
    )
    if kind == "fifo":
        os.wait()
    with (directory / "in.txt").open() as again:
        done = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *words, "-", "--resume", *IN_PROCESSES],
            cwd=directory, stdin=again, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    lines = (directory / "out.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["index"] for line in lines) == [*range(7), *range(8, 50)]


def test_a_file_on_standard_input_is_read_again_from_where_it_stood(directory: Path) -> None:
    with (directory / "in.txt").open("rb", buffering=0) as file:
        file.seek(4)  # behind two lines, as after `read` in a shell
        done = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), "run", "tasks.py:exits", "-o", "out.jsonl"],
            cwd=directory, stdin=file, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    results = [json.loads(line) for line in (directory / "out.jsonl").read_text().splitlines()]
    assert sorted(int(one["result"]) for one in results) == [*range(2, 7), *range(8, 50)]


@pytest.mark.parametrize("backend", rest_slow(1, "auto", "thread"))
def test_an_item_that_lets_nothing_else_run_is_given_up_at_its_time_limit(
    backend: str, directory: Path, run_main: RunMain
) -> None:
    words = ["run", "tasks.py:holds", "in.txt", "-o", "out.jsonl", "--timeout", "0.5"]
    done = run_main(*words, *REPORT_ALONE, "--backend", backend)
    assert (done.returncode, done.stderr) == (
        1,
        "an item held this process for over its 0.5 s; going on with processes\n",
    )
    lines = (directory / "out.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["index"] for line in lines) == [*range(7), *range(8, 50)]
    failure = json.loads((directory / "out.jsonl.errors.jsonl").read_text())
    assert (failure["index"], failure["error_type"]) == (7, "TimeoutError")


def test_the_third_signal_ends_also_what_lets_nothing_else_run(directory: Path) -> None:
    words = ["run", "tasks.py:holds", "in.txt", "-o", "out.jsonl", "--backend", "sequential"]
    run = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *words],
        cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until((directory / "held").exists, process=run)
    for _ in range(3):
        run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 130
    assert stderr in ("", "left without a report: an item would not end\n")


@pytest.mark.parametrize("backend", ["auto", "thread", "process"])
def test_signals_that_a_function_handles_stop_nothing(
    backend: str, directory: Path, run_main: RunMain
) -> None:
    (directory / "signals.py").write_text("")  # a name that a module of the library has, too
    (directory / "own.py").write_text(OWN_SIGNALS)
    done = run_main(
        "run", "own.py:f", "in.txt", "-o", "out.jsonl", *REPORT_ALONE, "--backend", backend
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len((directory / "out.jsonl").read_text().splitlines()) == 50


@pytest.mark.parametrize(
    "words",
    [
        ["run", "leaves.py:f", "in.txt", "--backend", "process"],
        ["run", "leaves.py:f", "in.txt", "--dry-run"],
        ["compare", "--task", "leaves.py:f", "--input", "in.txt"],
        ["benchmark", "--task", "leaves.py:f", "--input", "in.txt"],
    ],
)
def test_a_module_that_leaves_is_told_of_in_any_subcommand(
    words: list[str], directory: Path, run_main: RunMain
) -> None:
    (directory / "leaves.py").write_text("import os\nos._exit(0)\n")
    done = run_main(*words)
    assert (done.returncode, done.stderr) == (
        2,
        "leaves.py:f cannot be imported: it ended with exit code 0\n",
    )
