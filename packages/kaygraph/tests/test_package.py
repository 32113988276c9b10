"""The package itself: one sorted door, no dependencies, typed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import kaygraph

HOME = Path(__file__).resolve().parents[1]


def test_the_door_is_sorted_and_shows_the_whole_contract() -> None:
    assert kaygraph.__all__ == sorted(kaygraph.__all__)
    assert kaygraph.__all__ == [
        "AsyncBatchGraph",
        "AsyncBatchNode",
        "AsyncGraph",
        "AsyncNode",
        "AsyncParallelBatchGraph",
        "AsyncParallelBatchNode",
        "BaseNode",
        "BatchGraph",
        "BatchNode",
        "Config",
        "Graph",
        "MetricsNode",
        "Node",
        "ParallelBatchNode",
        "ValidatedNode",
    ]
    assert all(isinstance(getattr(kaygraph, name), type) for name in kaygraph.__all__)


def test_the_tests_run_on_the_code_beside_them() -> None:
    assert Path(kaygraph.__file__).parent == HOME / "kaygraph"


def test_the_package_is_typed_and_depends_on_nothing() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    assert project.get("dependencies", []) == []
    assert project["requires-python"] == ">=3.11"
    assert (HOME / "kaygraph" / "py.typed").is_file()
