"""CPython's own tests of `concurrent.futures`, run against our executors.

They are the tests of a Python that is installed with them; the one that runs this comes first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pytest

from tests.conftest import ROOT

ADAPTER = ROOT / "tests" / "cpython_executors.py"

REST = ("sequential", "async", "future")
"""The backends that are left to the slow tests: most of their code is that of the first two."""

ALL = ("thread", "process", *REST)

DONE = "in this executor a call is done when `submit` returns"
NOT_BEGUN = "depends on how quickly the first worker takes a call: one that has not is cancelled"
ITS_OWN_ERROR = "what unpickling raises is its call's error, and the pool goes on"
BLOCKS = "its call blocks the event loop for a second, which ours may say on stderr"
PRINTS = "what workers print goes to stderr"

NOT_PASSED = {
    "sequential": {
        "AsCompletedTests.test_future_times_out": DONE,
        "AsCompletedTests.test_zero_timeout": DONE,
        "ExecutorShutdownTest.test_cancel_futures": DONE,
        "ExecutorShutdownTest.test_submit_after_interpreter_shutdown": "it needs no threads, so it "
        "works to the end of the interpreter",
        "ExecutorTest.test_map_timeout": DONE,
        "WaitTests.test_first_completed": DONE,
        "WaitTests.test_first_completed_some_already_completed": DONE,
        "WaitTests.test_first_exception": DONE,
        "WaitTests.test_first_exception_one_already_failed": DONE,
        "WaitTests.test_first_exception_some_already_complete": DONE,
        "WaitTests.test_timeout": DONE,
    },
    "thread": {
        "ThreadPoolExecutorTest.test_default_workers": "ours has four threads a core",
    },
    "process": {
        "ExecutorDeadlockTest.test_error_at_task_unpickle": ITS_OWN_ERROR,
        "ExecutorDeadlockTest.test_error_during_result_unpickle_in_result_handler": ITS_OWN_ERROR,
        "ExecutorDeadlockTest.test_exit_at_task_unpickle": ITS_OWN_ERROR,
        "ExecutorDeadlockTest.test_exit_during_result_unpickle_in_result_handler": ITS_OWN_ERROR,
        "ProcessPoolExecutorTest.test_traceback": "the traceback is there, in a class of ours",
    },
    "future": {
        "FutureTests.test_multiple_set_exception": "looks at the name of the class",
        "FutureTests.test_multiple_set_result": "looks at the name of the class",
    },
}
"""What does not pass, and why; what is not run at all is in the adapter."""

EITHER = {
    "thread": {"ThreadPoolShutdownTest.test_cancel_futures_wait_false": NOT_BEGUN},
    "process": {
        "ExecutorShutdownTest.test_cancel_futures": NOT_BEGUN,
        "ExecutorShutdownTest.test_hang_gh83386": PRINTS,
        "ExecutorShutdownTest.test_interpreter_shutdown": PRINTS,
    },
    "async": {
        "ExecutorShutdownTest.test_cancel_futures": NOT_BEGUN,
        "ExecutorShutdownTest.test_hang_gh83386": BLOCKS,
        "ExecutorShutdownTest.test_interpreter_shutdown": BLOCKS,
    },
}
"""What passes or not."""


def pythons_with_tests() -> list[Path]:
    """Return the Pythons that are installed with these tests, the one that runs this first."""
    prefixes = [Path(sys.base_prefix), *sorted(Path.home().glob(".pyenv/versions/3.*"))]
    found: dict[str, Path] = {}
    for prefix in prefixes:
        for tests in sorted(prefix.glob("lib/python3.*/test/test_concurrent_futures*")):
            version = tests.parents[1].name
            python = prefix / "bin" / version
            minor = int(version.rpartition(".")[2])
            if tests.suffix in ("", ".py") and 11 <= minor <= 14 and python.exists():
                found.setdefault(version, python)
    return list(found.values())


PYTHONS = pythons_with_tests()


def outcomes(python: Path, backend: str, directory: Path, *words: str) -> dict[str, list[str]]:
    """Run CPython's tests; fails with what they printed when they do not come to their end."""
    packages = Path(cloudpickle.__file__).parents[1]  # which are for any version: they are few
    search = [ROOT / "packages" / "batchmap", ADAPTER.parent, packages]
    done = subprocess.run(
        [str(python), "-W", "ignore", str(ADAPTER), backend, *words],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, search))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def check(python: Path, backend: str, directory: Path, *words: str) -> None:
    found = outcomes(python, backend, directory, *words)
    assert found
    failed = {name for name, (outcome, _) in found.items() if outcome == "failed"}
    expected = NOT_PASSED.get(backend, {}).keys() & found.keys()
    either = EITHER.get(backend, {}).keys()
    wrong = "\n".join(f"{name}\n{found[name][1]}" for name in sorted(failed - expected - either))
    assert not wrong, wrong
    assert expected <= failed, f"the table says that these do not pass: {expected - failed}"


@pytest.mark.skipif(not PYTHONS, reason="no Python here is installed with its tests")
@pytest.mark.parametrize(
    "backend",
    ["thread", "process", *(pytest.param(name, marks=pytest.mark.slow) for name in REST)],
)
def test_an_executor_passes_the_tests_of_cpython(backend: str, tmp_path: Path) -> None:
    check(PYTHONS[0], backend, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: python.name)
@pytest.mark.parametrize("backend", ALL)
def test_and_those_that_take_long(python: Path, backend: str, tmp_path: Path) -> None:
    if backend != "future":
        check(python, backend, tmp_path, "--slow")
    if python != PYTHONS[0]:
        check(python, backend, tmp_path)
