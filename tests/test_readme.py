"""The README: its commands and code blocks run, its drawings are those of the graphs."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from docs.describe_export import document
from tests.conftest import ROOT
from workbook.graphs import create_comparison_graph, create_parallel_graph
from workbook.utils.cli.arguments import PROGRAM

README = (ROOT / "README.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"(?ms)^```{kind}\n(.*?)^```$", README)


CONSOLE = [
    line.removeprefix("$ ")
    for block in blocks("console")
    for line in block.splitlines()
    if line.startswith("$ ")
]


LONG = {"--sweep", "--suite", "number", "text", "--export-html"}
"""Words of commands that take seconds each; what they do has shorter tests elsewhere."""


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(line, marks=pytest.mark.slow if LONG & set(line.split()) else ())
        for line in CONSOLE
        if line.startswith("python ") and line != "python main.py benchmark"  # in test_main
    ],
)
def test_each_command_runs(command: str, tmp_path: Path) -> None:
    (tmp_path / "numbers.txt").write_text("1000000007\n1000000008\n")
    (tmp_path / "tasks.py").write_text("def square(line):\n    return int(line) ** 2\n")
    words = shlex.split(command)[2:]
    short = [] if {"--latency", "--task"} & set(words) else ["--latency", "0.01"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *words, *short, "-q"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_example_of_run_can_be_pasted(tmp_path: Path) -> None:
    [example] = blocks("bash")
    script = example.replace("python main.py", f"{sys.executable} {ROOT / 'main.py'}")
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "resume with: " in done.stderr
    assert "ValueError, 1 time, first at numbers.txt line 10000" in done.stdout
    lines = (tmp_path / "squares.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["index"] for line in lines) == list(range(9999))


@pytest.mark.parametrize("code", blocks("python"))
def test_each_block_of_code_runs(code: str, tmp_path: Path) -> None:
    script = tmp_path / "block.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_drawings_are_those_of_the_graphs() -> None:
    assert blocks("mermaid") == [
        create_comparison_graph().to_mermaid(),
        create_parallel_graph().to_mermaid(),
    ]


def test_every_option_is_in_the_table() -> None:
    table = README[README.index("### Options") : README.index("## How it works")]
    for subcommand in PROGRAM.subcommands:
        for option in subcommand.flags():
            assert re.search(rf"[`, ]{option}[`, ]", table), f"{option} of {subcommand.name}"


def test_every_subcommand_has_a_section() -> None:
    for subcommand in PROGRAM.subcommands:
        assert f"### `{subcommand.name}`" in README


def test_the_setup_commands_are_those_of_the_checks() -> None:
    [setup] = [block for block in blocks("") if block.startswith("python3 -m venv")]
    _, development = setup.splitlines()
    make, install, test = development.split(" && ")
    ci = (ROOT / ".ci" / "run").read_text()
    assert make.removeprefix("python3 ") in ci
    assert install.replace("install ", "install --quiet ") in ci
    assert test in ci


def test_the_fields_of_the_export_are_those_of_the_records() -> None:
    assert (ROOT / "docs" / "export.md").read_text() == document()
