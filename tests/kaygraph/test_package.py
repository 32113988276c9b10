"""The package itself: its public names, its version, no dependencies, typed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import kaygraph
import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "packages" / "kaygraph"


def test_the_public_names_are_sorted_and_are_those_of_the_contract() -> None:
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
    assert Path(kaygraph.__file__).parent == PACKAGE / "kaygraph"


def test_the_version_is_the_one_that_is_installed() -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    assert kaygraph.__version__ == project["version"]


@pytest.mark.parametrize("name", [name for name in kaygraph.__all__ if name != "Config"])
def test_a_class_takes_type_arguments_and_stays_what_it_is(name: str) -> None:
    kind: Any = getattr(kaygraph, name)
    Typed: Any = type("Typed", (kind[str, int],), {})

    assert Typed.__mro__[1:] == kind.__mro__
    assert isinstance(Typed(), kind)
    assert Typed[bytes, bytes] is Typed


def test_the_package_is_typed_and_depends_on_nothing() -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    assert project.get("dependencies", []) == []
    assert project["requires-python"] == ">=3.11"
    assert (PACKAGE / "kaygraph" / "py.typed").is_file()
