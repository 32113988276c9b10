"""The examples that stand by themselves: the notebook's blocks run in order, and the own graph."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    text = (ROOT / "examples" / "notebook.md").read_text()
    script = tmp_path / "notebook.py"
    script.write_text("\n".join(re.findall(r"(?ms)^```python\n(.*?)^```$", text)))
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_graph_of_ones_own_reports_and_adds_what_its_node_found(tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("one\none two three\n\none two\n")
    done = subprocess.run(
        [sys.executable, "-m", "examples.own_graph", str(lines)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "- Total items: 4\n" in done.stdout
    assert done.stdout.endswith(
        f"{lines} line 2: 3 words\n{lines} line 4: 2 words\n{lines} line 1: 1 words\n"
    )
