"""Runs CPython's own tests of `concurrent.futures` against the executors of this library.

    python tests/cpython_executors.py thread [--slow] [PART ...]

The tests are those of the Python that runs this, unmodified. What they take from
`concurrent.futures` is bound to ours here: the executor of each test class, the classes that tests
name themselves, the import in the programs that they start, and the future of the tests of futures.
Prints what became of each test as JSON: `{name: [outcome, text]}`.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import multiprocessing
import os
import sys
import threading
import unittest
from concurrent import futures
from types import ModuleType
from typing import Any

from batchmap.executors import call_future, thread
from batchmap.executors.coroutine import AsyncExecutor
from batchmap.executors.process import pool
from batchmap.executors.sequential import SequentialExecutor

HANGS_S = 60.0
"""A test that takes longer hangs, and ends this program."""

SLOW = {
    "test_20369", "test_duplicate_futures", "test_error_at_task_unpickle",
    "test_error_during_result_unpickle_in_result_handler", "test_exit_at_task_unpickle",
    "test_exit_during_result_unpickle_in_result_handler", "test_first_completed",
    "test_first_completed_some_already_completed", "test_first_exception",
    "test_first_exception_one_already_failed", "test_first_exception_some_already_complete",
    "test_future_times_out", "test_hang_global_shutdown_lock", "test_hang_issue12364",
    "test_map_timeout", "test_timeout", "test_zero_timeout",
}  # fmt: skip
"""Tests that take seconds."""

PRIVATE = "looks at private attributes of the standard library's executor"
OPTION = "is of an option that ours do not have"

NOT_RUN = {
    "ExecutorDeadlockTest.test_gh105829_should_not_deadlock_if_wakeup_pipe_full": PRIVATE,
    "ExecutorDeadlockTest.test_shutdown_deadlock_pickle": PRIVATE,
    "ProcessPoolExecutorTest.test_idle_process_reuse_multiple": PRIVATE,
    "ProcessPoolExecutorTest.test_idle_process_reuse_one": PRIVATE,
    "ProcessPoolExecutorTest.test_killed_child": PRIVATE,
    "ProcessPoolExecutorTest.test_max_tasks_early_shutdown": OPTION,
    "ProcessPoolExecutorTest.test_max_tasks_per_child": OPTION,
    "ProcessPoolExecutorTest.test_max_tasks_per_child_defaults_to_spawn_context": OPTION,
    "ProcessPoolExecutorTest.test_python_finalization_error": PRIVATE,
    "ProcessPoolExecutorTest.test_saturation": PRIVATE,
    "ProcessPoolShutdownTest.test_context_manager_shutdown": PRIVATE,
    "ProcessPoolShutdownTest.test_del_shutdown": PRIVATE,
    "ProcessPoolShutdownTest.test_processes_terminate": PRIVATE,
    "ProcessPoolShutdownTest.test_shutdown_no_wait": PRIVATE,
    "ThreadPoolShutdownTest.test_thread_names_assigned": OPTION,
    "ThreadPoolShutdownTest.test_thread_names_default": OPTION,
}
"""Tests that say nothing of our executors, and why."""


class ProcessExecutor(pool.ProcessExecutor):
    """Takes the option `mp_context` and does without it: how workers start is not the caller's."""

    def __init__(self, max_workers: int | None = None, mp_context: Any = None) -> None:
        super().__init__(max_workers)


class ThreadExecutor(thread.ThreadExecutor):
    """Has the private attributes of the standard library's that many tests look at."""

    @property
    def _max_workers(self) -> int:
        return self._pool._max_workers

    @property
    def _threads(self) -> list[threading.Thread]:
        return [worker.thread for worker in self._pool._workers]


EXECUTORS: dict[str, Any] = {
    "sequential": SequentialExecutor,
    "thread": ThreadExecutor,
    "process": ProcessExecutor,
    "async": AsyncExecutor,
}

COMMON = ("ExecutorTest", "WaitTests", "AsCompletedTests", "ExecutorShutdownTest")
"""The classes whose tests are for every executor."""

OF_THREADS = ("ThreadPoolExecutorTest", "ThreadPoolWaitTests", "ThreadPoolShutdownTest")
OF_PROCESSES = ("ProcessPoolExecutorTest", "ProcessPoolShutdownTest", "ExecutorDeadlockTest")


def modules() -> list[ModuleType]:
    """Return the modules of the tests: one up to Python 3.11, later a package of several."""
    name = "test.test_concurrent_futures"
    package = importlib.import_module(name)
    if not hasattr(package, "__path__"):
        return [package]
    parts = ("util", "executor", "test_future", "test_as_completed", "test_wait", "test_shutdown")
    more = ("test_thread_pool", "test_process_pool", "test_deadlock", "test_init")
    return [importlib.import_module(f"{name}.{part}") for part in (*parts, *more)]


def bind(found: list[ModuleType], executor: Any) -> None:
    """Have the tests and the programs that they start use `executor`."""
    if executor is ThreadExecutor:
        named: Any = futures
        named.ThreadPoolExecutor = executor

    def assert_python_ok(*words: str, **environment: str) -> Any:
        """Run a program that imports our executor, and finds it, as it is not isolated."""
        run = importlib.import_module("test.support.script_helper").assert_python_ok
        ours = f"from cpython_executors import {executor.__name__}"
        names = {executor.__name__: ours, "ThreadPoolExecutor": f"{ours} as ThreadPoolExecutor"}
        program = words[-1]
        for name, instead in names.items():
            program = program.replace(f"from concurrent.futures import {name}", instead)
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
        return run(*words[:-1], program, **environment)

    for module in found:
        if hasattr(module, "assert_python_ok"):
            module.assert_python_ok = assert_python_ok  # type: ignore[attr-defined]
        if hasattr(module, "Future"):
            module.Future = call_future.CallFuture  # type: ignore[attr-defined]


def test_classes(found: list[ModuleType], backend: str) -> list[type[unittest.TestCase]]:
    """Return classes of test cases, in which the tests of CPython get our executor."""
    known: dict[str, Any] = {}
    for module in found:
        known |= vars(module)
    if backend == "future":
        return [known["FutureTests"]]
    names = COMMON + {"thread": OF_THREADS, "process": OF_PROCESSES}.get(backend, ())
    classes = []
    for name in names:
        theirs = known[name]
        own = {
            "executor_type": EXECUTORS[backend],
            "get_context": lambda self: multiprocessing.get_context("forkserver"),
            "__module__": __name__,
            "__qualname__": name,
        }
        tests = {test for other in COMMON for test in dir(known[other])}
        inherited = {test for test in tests if test.startswith("test")}
        if name not in COMMON:  # what it inherits runs as the common one
            own |= dict.fromkeys(inherited)
            own |= {test: vars(theirs)[test] for test in inherited & vars(theirs).keys()}
        base = () if issubclass(theirs, known["BaseTestCase"]) else (known["BaseTestCase"],)
        mixin = () if issubclass(theirs, known["ExecutorMixin"]) else (known["ExecutorMixin"],)
        classes.append(type(name, (theirs, *mixin, *base), own))
    return classes


class Outcomes(unittest.TestResult):
    """What became of each test, by its name."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, tuple[str, str]] = {}

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        print(f"# {name_of(test)}", file=sys.stderr, flush=True)
        faulthandler.dump_traceback_later(HANGS_S, exit=True, file=2)

    def stopTest(self, test: unittest.TestCase) -> None:
        faulthandler.cancel_dump_traceback_later()
        super().stopTest(test)

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.found.setdefault(name_of(test), ("passed", ""))

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.found[name_of(test)] = ("skipped", reason)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self.found[name_of(test)] = ("failed", self.failures[-1][1])

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self.found[name_of(test)] = ("failed", self.errors[-1][1])


def name_of(test: Any) -> str:
    """Return `Class.test_name`."""
    return ".".join(test.id().split(".")[-2:])


def main(backend: str, *words: str) -> None:
    """Run the tests for an executor, or those of futures for the backend `future`."""
    importlib.import_module("test.support").verbose = 0  # type: ignore[attr-defined]
    found = modules()
    if backend != "future":
        bind(found, EXECUTORS[backend])
    else:
        bind(found, ThreadExecutor)
    parts = [word for word in words if word != "--slow"]
    with_slow = "--slow" in words
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    for cls in test_classes(found, backend):
        for name in loader.getTestCaseNames(cls):
            is_slow = name in SLOW or (backend == "sequential" and name == "test_cancel_futures")
            if f"{cls.__name__}.{name}" in NOT_RUN:
                continue
            if any(part in name for part in parts) if parts else is_slow is with_slow:
                suite.addTest(cls(name))
    outcomes = Outcomes()
    suite.run(outcomes)
    print(f"\n{json.dumps(outcomes.found)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
