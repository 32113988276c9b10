"""What ends the process that items run in costs the item, and not the command."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.conftest import RunMain

TASK = """
import ctypes
import os

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
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "tasks.py").write_text(TASK)
    (tmp_path / "leaves.py").write_text("import os\nos._exit(5)\ndef f(line):\n    return line\n")
    (tmp_path / "in.txt").write_text("".join(f"{number}\n" for number in range(50)))
    return tmp_path


@pytest.mark.parametrize("backend", ["auto", "sequential", "thread"])
@pytest.mark.parametrize(
    ("function", "ending"),
    [("exits", "exit code 0"), ("crashes", "signal SIGSEGV"), ("is_killed", "signal SIGKILL")],
)
def test_an_item_that_ends_its_process_costs_itself_alone(
    function: str, ending: str, backend: str, directory: Path, run_main: RunMain
) -> None:
    words = ["run", f"tasks.py:{function}", "in.txt", "-o", "out.jsonl", "--backend", backend]
    done = run_main(*words, "-q")
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
    done = run_main("run", "tasks.py:exits", "in.txt", "-q")
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
    done = run_main("run", "late.py:f", "in.txt", "-o", "out.jsonl", "-q")
    assert (done.returncode, done.stderr) == (1, "")
    assert len((directory / "out.jsonl").read_text().splitlines()) == 49


def test_a_signal_after_all_is_said_goes_unheard(directory: Path, run_main: RunMain) -> None:
    (directory / "late.py").write_text(
        "import atexit, os\natexit.register(os.kill, os.getpid(), 2)\n"
        "def f(line):\n    return line\n"
    )
    done = run_main("run", "late.py:f", "in.txt", "-o", "out.jsonl", "-q")
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
