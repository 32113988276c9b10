"""Faults of functions and workers: each costs the item that did it, and nothing else."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from batchmap import stream_map
from batchmap.errors import UsageError
from batchmap.executors.process.pool import ProcessExecutor
from batchmap.records import ItemRecord

from tests.conftest import ROOT

GUILTY = 37
ITEMS = 100

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "packages" / "batchmap")}
"""Of a program that has the library and nothing else of this repository."""


def crash(how: Callable[[], Any]) -> Callable[[int], int]:
    def function(item: int) -> int:
        if item == GUILTY:
            how()
        return -item

    return function


def spin_without_end() -> None:
    while True:
        pass


def sleep_in_c() -> None:
    ctypes.CDLL(None).sleep(3600)


def ignore_sigterm_and_hang() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    spin_without_end()


def records_of(function: Callable[[int], Any], **options: Any) -> list[ItemRecord]:
    chosen: dict[str, Any] = {"backend": "process", "workers": 2} | options
    records = sorted(
        stream_map(function, range(ITEMS), **chosen),
        key=lambda record: record.index,
    )
    assert [record.index for record in records] == list(range(ITEMS))
    return records


def the_one_failure(records: list[ItemRecord]) -> str:
    assert [record.index for record in records if record.failure] == [GUILTY]
    assert all(record.result == -record.index for record in records if not record.failure)
    failure = records[GUILTY].failure
    assert failure is not None
    return f"{failure.error_type}: {failure.error}"


@pytest.mark.parametrize("batch_size", [1, ITEMS])
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (lambda: os._exit(0), "WorkerDied: its worker ended with exit code 0"),
        (lambda: os._exit(7), "WorkerDied: its worker ended with exit code 7"),
        (
            lambda: os.kill(os.getpid(), signal.SIGSEGV),
            "WorkerDied: its worker ended with signal SIGSEGV",
        ),
        (
            lambda: os.kill(os.getpid(), signal.SIGKILL),
            "WorkerDied: its worker ended with signal SIGKILL; perhaps for lack of memory",
        ),
    ],
)
def test_a_crash_costs_the_item_that_did_it(
    how: Callable[[], Any], expected: str, batch_size: int
) -> None:
    assert the_one_failure(records_of(crash(how), batch_size=batch_size)) == expected


@pytest.mark.parametrize("how", [spin_without_end, sleep_in_c, ignore_sigterm_and_hang])
def test_a_hang_costs_the_item_that_did_it(how: Callable[[], Any]) -> None:
    records = records_of(crash(how), batch_size=ITEMS, timeout_s=0.3)
    assert the_one_failure(records) == "TimeoutError: took longer than 0.3 s; stopped"


def test_the_time_limit_counts_each_item_by_itself() -> None:
    # 100 items of 10 ms in one batch: the batch takes long, no item does.
    def function(item: int) -> int:
        threading.Event().wait(0.01)
        return -item

    records = records_of(function, batch_size=ITEMS, timeout_s=0.5)
    assert not [record for record in records if record.failure]


def test_a_function_that_cannot_be_pickled_is_an_error_before_anything_runs() -> None:
    lock = threading.Lock()
    expected = r"cannot be sent to another process .*lock.*; backend='thread' needs no pickling"
    with pytest.raises(UsageError, match=expected):
        next(stream_map(lambda item: lock, range(9), backend="process", workers=2))


def test_a_hung_thread_is_abandoned_and_its_batch_mates_are_done() -> None:
    never = threading.Event()
    try:
        records = records_of(
            crash(lambda: never.wait()), backend="thread", batch_size=50, timeout_s=0.3
        )
    finally:
        never.set()
    assert the_one_failure(records).startswith("TimeoutError: timeout (abandoned): took longer")


def test_an_item_that_crashes_every_worker_has_failed_after_two(tmp_path: Path) -> None:
    crashes = tmp_path / "crashes"

    def crash_worker() -> None:
        with crashes.open("a") as file:
            file.write("x")
        os._exit(1)

    the_one_failure(records_of(crash(crash_worker)))
    assert crashes.read_text() == "xx"


def test_an_item_whose_worker_crashed_by_chance_is_done_by_another(tmp_path: Path) -> None:
    crashed = tmp_path / "crashed"

    def crash_once() -> None:
        if not crashed.exists():
            crashed.touch()
            os._exit(1)

    assert not [record for record in records_of(crash(crash_once)) if record.failure]


LEAKED: list[bytes] = []


def leak(megabytes: int) -> int:
    LEAKED.append(b"x" * (megabytes * 2**20))
    threading.Event().wait(0.11)  # a worker checks its memory ten times a second
    return os.getpid()


def test_a_worker_that_keeps_growing_is_replaced_and_costs_nothing() -> None:
    with ProcessExecutor(1, max_growth_bytes=50 * 2**20) as executor:
        workers = list(executor.map(leak, [20] * 9))
    assert [len(list(group)) for _, group in groupby(workers)] == [4, 4, 1]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (threading.Lock, "TypeError: returned a lock, which cannot leave its worker"),
        (
            lambda: (number for number in (1, 2)),
            "TypeError: returned a generator, which cannot leave its worker",
        ),
    ],
)
def test_a_result_that_cannot_be_pickled_costs_its_item(
    answer: Callable[[], Any], expected: str
) -> None:
    def function(item: int) -> Any:
        return answer() if item == GUILTY else -item

    assert the_one_failure(records_of(function, batch_size=ITEMS)).startswith(expected)


def test_an_item_that_cannot_be_pickled_costs_itself() -> None:
    items: list[Any] = list(range(ITEMS))
    items[GUILTY] = threading.Lock()
    records = list(
        stream_map(lambda item: item, items, backend="process", workers=2, batch_size=ITEMS)
    )
    assert [record.index for record in records if record.failure] == [GUILTY]
    assert len(records) == ITEMS


def test_an_exception_that_breaks_in_pickling_is_text() -> None:
    class TwoArguments(Exception):
        def __init__(self, one: str, two: str) -> None:
            super().__init__(f"{one} and {two}")

    def fail() -> None:
        raise TwoArguments("this", "that")

    failure = the_one_failure(records_of(crash(fail)))
    assert failure.endswith("TwoArguments: this and that")


def test_what_a_function_prints_in_a_worker_goes_where_it_would_in_a_loop() -> None:
    done = run_script(
        "import sys\n"
        "from batchmap import parallel_map\n"
        "def f(i):\n"
        "    print('loud\\n', end='')\n"
        "    print('to stderr\\n', end='', file=sys.stderr)\n"
        "    return i\n"
        "print(sum(parallel_map(f, range(10), backend='process', workers=2)))\n"
    )
    assert done.stdout == 10 * "loud\n" + "45\n"
    assert done.stderr == 10 * "to stderr\n"


def run_script(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_script_needs_no_guard_even_where_it_has_threads(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import threading\n"
        "from batchmap import parallel_map\n"
        "print('once')\n"
        "class Point:\n"
        "    def __init__(self, x): self.x = x\n"
        "    def __eq__(self, other): return self.x == other.x\n"
        "keep = threading.Event()\n"
        "thread = threading.Thread(target=keep.wait); thread.start()\n"
        "points = parallel_map(lambda p: Point(p.x + 1), [Point(i) for i in range(9)],\n"
        "                      backend='process', workers=2)\n"
        "keep.set()\n"
        "assert points == [Point(i + 1) for i in range(9)]\n"
        "assert all(type(point) is Point for point in points)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "once\n", "")


def test_workers_have_the_library_of_their_parent_and_its_environment(tmp_path: Path) -> None:
    other = tmp_path / "batchmap"
    other.mkdir()
    (other / "__init__.py").write_text("raise SystemError('this is the other one')\n")
    script = tmp_path / "program" / "own_path.py"
    script.parent.mkdir()
    script.write_text(
        f"import os, sys, threading\n"
        f"sys.path.insert(0, {str(ROOT / 'packages' / 'batchmap')!r})\n"
        "import batchmap\n"
        "keep = threading.Event()\n"
        "threading.Thread(target=keep.wait).start()  # so workers are not forked\n"
        "def seen(_):\n"
        "    import batchmap\n"
        "    return batchmap.__file__, *map(os.environ.get, ('PYTHONPATH', 'PYTHONSAFEPATH'))\n"
        "found = batchmap.parallel_map(seen, range(9), backend='process', workers=2)\n"
        "keep.set()\n"
        "assert set(found) == {seen(0)}, found\n"
    )
    for environment in (os.environ, {**os.environ, "PYTHONPATH": str(tmp_path)}):
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")


ORPHANS = """
import os, sys, threading
from batchmap import stream_map
{threads}
def f(item):
    import ctypes
    if item > 1:
        ctypes.PyDLL(None).sleep(3600)  # holds the GIL all the while
    return os.getpid()
records = stream_map(f, range(8), backend="process", workers=2, batch_size=1)
pids = [next(records).result for _ in range(2)]
print(*pids, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("threads", ["", "threading.Thread(target=sys.stdin.read).start()"])
def test_no_worker_outlives_a_parent_that_is_killed(threads: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHANS.format(threads=threads)],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    workers = [os.pidfd_open(int(pid)) for pid in set(parent.stdout.readline().split())]
    assert workers
    parent.kill()
    parent.communicate()
    import select

    for worker in workers:
        assert select.select([worker], [], [], 2.0)[0] == [worker]
        os.close(worker)


@pytest.mark.parametrize("backend", ["thread", "process", "async"])
def test_nothing_is_left_after_a_run_that_was_closed_early(backend: str) -> None:
    done = run_script(
        "import asyncio, os, threading, time\n"
        "from batchmap import stream_map\n"
        "def f(i): return i\n"
        "async def g(i):\n"
        "    await asyncio.sleep(0)\n"
        "    return i\n"
        "for _ in range(2):\n"
        "    before = len(os.listdir('/proc/self/fd'))\n"
        f"    records = stream_map(g if {backend!r} == 'async' else f, iter(range(10**9)),\n"
        f"                         backend={backend!r}, workers=2)\n"
        "    for _ in range(5): next(records)\n"
        "    records.close()\n"
        "    for thread in threading.enumerate():\n"
        "        if thread is not threading.main_thread(): thread.join(5)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "try:\n"
        "    os.waitpid(-1, os.WNOHANG)\n"
        "    raise SystemExit('a child is left')\n"
        "except ChildProcessError:\n"
        "    pass\n"
        "assert len(os.listdir('/proc/self/fd')) == before\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_coroutine_that_takes_too_long_is_cancelled() -> None:
    async def function(item: int) -> int:
        if item == GUILTY:
            await asyncio.Event().wait()
        return -item

    records = records_of(function, backend="async", workers=10, timeout_s=0.2)
    assert the_one_failure(records) == "TimeoutError: took longer than 0.2 s; cancelled"


def test_a_coroutine_that_is_cancelled_by_itself_fails_alone() -> None:
    async def function(item: int) -> int:
        if item == GUILTY:
            raise asyncio.CancelledError
        return -item

    assert the_one_failure(records_of(function, backend="async", workers=10)) == "CancelledError: "


def test_a_warning_says_where_a_function_blocks_the_loop() -> None:
    done = run_script(
        "import time\n"
        "from batchmap import parallel_map\n"
        "async def f(i):\n"
        "    time.sleep(1.7)\n"
        "    return i\n"
        "parallel_map(f, [1])\n"
    )
    assert "the function blocks the event loop at " in done.stderr
    assert "await there, or use the thread backend" in done.stderr
