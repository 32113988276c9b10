"""What several tests need: the command line as a user runs it, and temporary inputs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.installed import Environment

ROOT = Path(__file__).parent.parent

REPORT_ALONE = ("--no-progress", "--log-level", "error")
"""Options with which a command prints its report and errors, and nothing else."""

# Without the files of bytecode each of a thousand processes compiles all modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("any machine", deadline=None)  # it may be busy
settings.load_profile("any machine")

RunMain = Callable[..., "subprocess.CompletedProcess[str]"]


def rest_slow(quick: int, *values: Any) -> list[Any]:
    """Return the parameters of a test of which all but the first `quick` are marked slow."""
    slow = [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
        for value in values[quick:]
    ]
    return [*values[:quick], *slow]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let the tests that share a fixture run in one process, so that it is set up only once."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class BySharedFixture(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return _shared_by(nodeid.partition("::")[0]) or nodeid

    return BySharedFixture(config, log)


@cache
def _shared_by(file: str) -> str:
    """Return what the tests of a file share beyond one of them; empty for nothing."""
    text = (ROOT / file).read_text()
    if "installed: Environment" in text:
        return "installed"
    return file if 'scope="module"' in text else ""


@pytest.fixture
def run_main(tmp_path: Path) -> RunMain:
    """Run `python main.py ...` in an empty directory and return what came out."""

    def run(
        *words: str, timeout_s: float = 100, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *words],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    return run


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give fsspec's store in memory, empty, and a directory of its own for journals of stores."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    system = pytest.importorskip("fsspec").filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Give a virtual environment into which `pip` has installed the library."""
    from tests.installed import LIBRARY, Environment

    optional = ("distributed", "cryptography", "pyarrow")
    names = ["cloudpickle", "psutil", "rich", *filter(find_spec, optional)]
    environment = Environment(tmp_path_factory.mktemp("installed"), names)
    environment.install("--no-deps", LIBRARY)
    return environment
