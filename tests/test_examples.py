"""The examples that stand by themselves: the notebook's blocks run in order, and the own graph."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from examples import own_graph
from tests.conftest import ROOT
from tests.pages import PATHS, fenced, run_code


def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    text = (ROOT / "examples" / "notebook.md").read_text()
    done = run_code("\n".join(fenced(text, "python")), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """Give a file of four lines."""
    path = tmp_path / "lines.txt"
    path.write_text("one\none two three\n\none two\n")
    return path


def test_a_graph_of_ones_own_reports_and_adds_what_its_nodes_found(lines: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.own_graph", str(lines)],
        cwd=ROOT,
        env={"PYTHONPATH": PATHS, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("6 words, 4 different lines\n")
    assert "- Total items: 4\n" in done.stdout
    assert done.stdout.endswith(
        f"{lines} line 2: 3 words\n{lines} line 4: 2 words\n{lines} line 1: 1 words\n"
    )


def test_the_items_of_a_batch_node_run_side_by_side_one_a_call(
    lines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(4, timeout=20)

    def count(line: str) -> int:
        together.wait()
        return len(line)

    monkeypatch.setattr(own_graph, "count_words", count)
    shared: dict[str, Any] = {}
    own_graph.line_graph(str(lines)).run(shared)
    assert shared["counts"] == [3, 13, 0, 7]


def test_an_item_that_fails_in_a_run_of_the_library_costs_itself_alone(
    lines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_graph, "slow_hash", lambda line: line.index("one"))
    shared: dict[str, Any] = {}
    own_graph.line_graph(str(lines)).run(shared)
    first, second, third, fourth = shared["hashes"]
    assert (first, second, fourth) == (0, 0, 0)
    assert third.failure.error_type == "ValueError"
