"""Runs what a page of the documentation shows: its commands, and its blocks of code."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.conftest import REPORT_ALONE, ROOT

__all__ = [
    "commands",
    "fenced",
    "make_inputs",
    "make_own_files",
    "run_cell",
    "run_code",
    "run_command",
    "shown_files",
]

PATHS = os.pathsep.join(str(ROOT / part) for part in ("", "packages/batchmap", "packages/kaygraph"))

CONSOLE_COMMAND = "from batchmap.command.entry_point import entry_point; entry_point()"

TASKS = """\
import os

def prepare():
    pass

def square(line):
    return int(line) ** 2

def full_name(row):
    return {"name": f"{row['first']} {row['last']}"}

def size(path):
    return {"path": path, "bytes": os.path.getsize(path)}

def distance(x, y, scale):
    return scale * (float(x) ** 2 + float(y) ** 2) ** 0.5

def words(line):
    yield from line.split()

def lengths(lines):
    return [len(line) for line in lines]

def length(text):
    return len(text)
"""


def fenced(text: str, kind: str) -> list[str]:
    """Return the blocks of `text` that begin with ``` and `kind`, in their order."""
    return re.findall(rf"(?ms)^```{kind}\n(.*?)^```$", text)


def commands(text: str) -> list[str]:
    """Return the commands of this project in the console blocks of `text`."""
    return [
        line.removeprefix("$ ")
        for block in fenced(text, "console")
        for line in block.splitlines()
        if line.startswith(("$ python main.py ", "$ batchmap "))
    ]


def make_inputs(directory: Path) -> None:
    """Make the files that the pages' commands read."""
    (directory / "tasks.py").write_text(TASKS)
    (directory / "numbers.txt").write_text("1000000007\n1000000008\n")
    (directory / "mixed.txt").write_text("1\ntwo\n3\n")
    (directory / "words.txt").write_text("".join(f"word {number}\n" for number in range(50)))
    (directory / "names.txt").write_text("Ada\nGrace\n")
    (directory / "people.csv").write_text("id;name;price\n1;Ann;3,50\n2;Bob;4,10\n")
    (directory / "lines.txt").write_text("one two\n\nthree\n")
    (directory / "points.csv").write_text("x,y\n3,4\n6,8\n")
    (directory / "names.csv").write_text("first,last\nAda,Lovelace\nGrace,Hopper\n")
    (directory / "earlier.errors.jsonl").write_text(
        '{"index": 1, "item": "two", "error_type": "ValueError", "error": "no number"}\n'
    )
    (directory / "people.json").write_text(
        '{"data": {"people": [{"first": "Ada", "last": "Lovelace"}]}}'
    )
    (directory / "letters").mkdir()
    (directory / "letters" / "one.txt").write_text("Dear all")
    database = sqlite3.connect(directory / "people.db")
    with database:
        database.execute("CREATE TABLE people (id INTEGER, first TEXT, last TEXT)")
        database.execute("INSERT INTO people VALUES (1, 'Ada', 'Lovelace')")
    database.close()


def make_own_files(text: str, directory: Path) -> None:
    """Make what the page `text` says that its files are.

    A block of Python that begins with `# NAME.py` is that file, and a block of `sh` is run.
    """
    for code in fenced(text, "python"):
        if name := re.match(r"# ([\w.]+\.py)\n", code):
            (directory / name[1]).write_text(code)
    for script in fenced(text, "sh"):
        subprocess.run(["bash", "-ec", script], cwd=directory, check=True, timeout=100)


def shown_files(text: str, command: str) -> dict[str, str]:
    """Return the files that the page `text` shows by `cat` after `command`: what each holds."""
    shown: dict[str, str] = {}
    for block in fenced(text, "console"):
        ran, *others = re.split(r"(?m)^\$ ", block)[1:] or [""]
        for part in (ran, *others):
            line, _, output = part.partition("\n")
            if line.startswith(("batchmap ", "python ")):
                ran = line
            elif line.startswith("cat ") and ran == command:
                shown[line.removeprefix("cat ")] = output
    return shown


def run_command(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run `python main.py ...` or `batchmap ...` in `directory`; waits are made short."""
    program, *words = shlex.split(command)
    if program == "batchmap":
        start = ["-c", CONSOLE_COMMAND]
    else:
        start, words = [str(ROOT / "main.py")], words[1:]
        has_task = any(":" in word for word in words)
        if words[0] != "run" and "--latency" not in words and not has_task:
            words += ["--latency", "0.01"]
    return subprocess.run(
        [sys.executable, *start, *words, *(["-q"] if words[0] == "verify" else REPORT_ALONE)],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": PATHS},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


def run_code(code: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` as a script of its own, where warnings are errors."""
    script = directory / "block.py"
    script.write_text(code)
    return subprocess.run(
        [sys.executable, str(script)],
        cwd=directory,
        env={"PYTHONPATH": PATHS, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=100,
    )


def run_cell(code: str) -> str:
    """Run `code` as the cell of a notebook; returns the HTML that it displays, in one text."""
    nbclient: Any = import_module("nbclient")
    v4: Any = import_module("nbformat.v4")

    cell = v4.new_code_cell(code)
    notebook = v4.new_notebook(cells=[cell])
    client = nbclient.NotebookClient(notebook, timeout=100, kernel_name="python3")
    client.execute(env={**os.environ, "PYTHONPATH": PATHS})
    assert all(output["output_type"] == "display_data" for output in cell["outputs"])
    return "".join(output["data"].get("text/html", "") for output in cell["outputs"])
