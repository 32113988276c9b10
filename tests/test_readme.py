"""The README: short, its example can be pasted, its set-up is that of the checks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.pages import fenced

README = (ROOT / "README.md").read_text()


def test_it_is_short() -> None:
    assert README.count("\n") <= 200


def test_the_example_of_run_can_be_pasted(tmp_path: Path) -> None:
    [example] = fenced(README, "bash")
    script = example.replace("python main.py", f"{sys.executable} {ROOT / 'main.py'}")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "resume with: " in done.stderr
    assert "numbers.txt line 10000: ValueError" in done.stdout
    lines = (tmp_path / "squares.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["index"] for line in lines) == list(range(9999))


def test_the_setup_commands_are_those_of_the_checks() -> None:
    [setup] = [block for block in fenced(README, "") if block.startswith("python3 -m venv")]
    _, development = setup.splitlines()
    make, install, test = development.split(" && ")
    ci = (ROOT / ".ci" / "run").read_text()
    assert make.removeprefix("python3 ") in ci
    assert install.replace("install ", "install --quiet ") in ci
    assert test in ci


def test_every_page_is_linked() -> None:
    for page in sorted((ROOT / "docs").glob("*.md")):
        assert f"(docs/{page.name})" in README
    for page in sorted((ROOT / "examples").glob("*/README.md")):
        assert f"(examples/{page.parent.name}/README.md)" in README
