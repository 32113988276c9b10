"""Start-up: what the first screen does not need is not loaded for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPORT_ALONE, ROOT, RunMain
from tests.installed import LIBRARY, Environment
from tests.pages import CONSOLE_COMMAND
from tests.run_command import json_lines

HEAVY = {
    "asyncio", "cloudpickle", "concurrent.futures", "distributed", "json", "kaygraph",
    "multiprocessing", "numpy", "pickle", "psutil", "pyarrow", "rich", "sqlite3", "subprocess",
}  # fmt: skip

LIGHT = {
    "backends",
    "command",
    "concurrency",
    "core_sharing",
    "errors",
    "optional",
    "options",
    "rates",
    "resources",
    "stopping",
    "storage",
    "text",
}
"""The parts of the library that read a command line and know what an option is."""


def loaded(*words: str | Path, cwd: Path, **environment: str) -> set[str]:
    """Return the names of the modules that a program of Python imports, run as it is."""
    done = subprocess.run(
        [*words[:1], "-X", "importtime", *words[1:]],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def parts_of_the_library(names: set[str]) -> set[str]:
    """Return the modules and packages of the library that `names` are in."""
    return {name.split(".")[1] for name in names if name.startswith("batchmap.")}


@pytest.mark.parametrize("words", ["", "--help", "--version", "run --help", "compare --help"])
def test_the_help_of_main_loads_neither_engine_nor_graphs(tmp_path: Path, words: str) -> None:
    names = loaded(sys.executable, ROOT / "main.py", *words.split(), cwd=tmp_path)
    assert names & HEAVY == set()
    assert parts_of_the_library(names) == LIGHT
    ours = {name for name in names if name.startswith("batchmap_workbook")}
    assert ours == {
        "batchmap_workbook",
        "batchmap_workbook.utils",
        "batchmap_workbook.utils.cli",
        "batchmap_workbook.utils.cli.arguments",
        "batchmap_workbook.utils.cli.settings",
    }


@pytest.mark.parametrize("words", ["", "--help", "--version", "run --help"])
def test_the_help_of_batchmap_does_not_load_the_engine(
    installed: Environment, tmp_path: Path, words: str
) -> None:
    command = installed.directory / "bin" / "batchmap"
    names = loaded(installed.python, command, *words.split(), cwd=tmp_path)
    assert names & HEAVY == set()
    assert parts_of_the_library(names) == LIGHT


def test_importing_the_library_loads_none_of_its_parts(tmp_path: Path) -> None:
    names = loaded(sys.executable, "-c", "import batchmap", cwd=tmp_path, PYTHONPATH=str(LIBRARY))
    assert names & HEAVY == set()
    assert parts_of_the_library(names) == set()


def test_a_call_in_place_loads_neither_the_command_nor_what_formats_need(tmp_path: Path) -> None:
    code = "from batchmap import parallel_map; parallel_map(str, range(3))"
    names = loaded(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(LIBRARY))
    # Since Python 3.14, `multiprocessing` loads `json` itself.
    needed = {
        "concurrent.futures",
        "cloudpickle",
        "json",
        "multiprocessing",
        "pickle",
        "subprocess",
    }
    assert names & (HEAVY - needed) == set()
    assert (
        parts_of_the_library(names) & {"checkpoint", "command", "job", "sinks", "sources"} == set()
    )


@pytest.mark.parametrize("module", ["batchmap.options.table", "batchmap.command.run_settings"])
@pytest.mark.parametrize("program", ["main.py", "batchmap"])
def test_ctrl_c_while_modules_are_imported_ends_it_without_a_traceback(
    tmp_path: Path, program: str, module: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name == {module!r}: signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
    )
    script = [str(ROOT / "main.py")] if program == "main.py" else ["-c", CONSOLE_COMMAND]
    done = subprocess.run(
        [sys.executable, *script, "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(LIBRARY)])},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


TASK = """
import gc

class Cyclic:
    def __init__(self):
        self.itself = self
        self.file = open("left_open.txt", "w")
        self.file.write("written")

held = Cyclic()
found = [gc.isenabled(), any(one is held for one in gc.get_objects())]

def seen(line):
    return [*found, gc.isenabled()]
"""


@pytest.mark.parametrize("backend", ["auto", "thread", "process", "sequential"])
def test_garbage_of_the_users_is_collected_as_in_any_program(
    tmp_path: Path, run_main: RunMain, backend: str
) -> None:
    (tmp_path / "tasks.py").write_text(TASK)
    (tmp_path / "in.txt").write_text("a\nb\n")
    words = ("run", "tasks.py:seen", "in.txt", "--record", "full", "--backend", backend)
    done = run_main(*words, "-o", "out.jsonl", *REPORT_ALONE)
    assert done.returncode == 0, done.stderr
    assert [line["result"] for line in json_lines(tmp_path / "out.jsonl")] == [[True] * 3] * 2
    assert (tmp_path / "left_open.txt").read_text() == "written"  # as the process ends


def test_a_program_that_was_started_without_collection_stays_so(tmp_path: Path) -> None:
    code = (
        "import gc; gc.disable(); from batchmap.command import start_up as start; "
        "start.hold_collection(); start.begin_collection(); print(gc.isenabled()); "
        "gc.enable(); start.hold_collection(); print(gc.isenabled()); "
        "start.begin_collection(); print(gc.isenabled())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout.split() == ["False", "False", "True"], done.stderr
