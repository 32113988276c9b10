"""WorkerPool: workers kept between calls, for several threads, and gone with the block."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from batchmap import ItemsFailedError, Plan, WorkerPool, WorkersLostError, parallel_map, stream_map

from tests.conftest import ROOT
from tests.set_ups import Log, generator, one, same_worker, where, where_later
from tests.waiting import WAIT_S, is_gone, wait_until

BACKENDS = ("thread", "process")


def function_for(backend: str) -> Callable[[int], Any]:
    return where_later if backend == "async" else where


@pytest.mark.parametrize("backend", [*BACKENDS, "async"])
def test_workers_stay_from_one_call_to_the_next_and_leave_with_the_block(backend: Any) -> None:
    before = set(threading.enumerate())
    function = function_for(backend)
    with WorkerPool(backend, workers=2) as pool:
        seen = set()
        for _ in range(5):
            found = parallel_map(function, range(40), pool=pool, batch_size=5)
            assert [item for item, _ in found] == list(range(40))
            records = stream_map(function, range(40), pool=pool, keep_order=True)
            assert [record.result[0] for record in records] == list(range(40))
            seen |= {worker for _, worker in found}
        assert 1 <= len(seen) <= (1 if backend == "async" else 2)
    processes = {int(worker.partition(":")[0]) for worker in seen}
    assert (os.getpid() in processes) is (backend != "process")
    assert all(map(is_gone, processes - {os.getpid()}))
    wait_until(lambda: set(threading.enumerate()) <= before)


@pytest.mark.slow
def test_a_dask_cluster_is_kept_too() -> None:
    pytest.importorskip("distributed")
    with WorkerPool("dask", workers=1) as pool:
        first, second = (
            {worker.partition(":")[0] for _, worker in parallel_map(where, range(9), pool=pool)}
            for _ in range(2)
        )
        assert first == second != {str(os.getpid())}


@pytest.mark.parametrize("backend", BACKENDS)
def test_several_threads_get_each_its_own_results(backend: Any) -> None:
    found: dict[int, list[int]] = {}

    def call(number: int) -> None:
        for _ in range(5):
            found[number] = parallel_map(lambda item: item * number, range(60), pool=pool)

    with WorkerPool(backend, workers=2) as pool:
        threads = [threading.Thread(target=call, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {number: [item * number for item in range(60)] for number in range(6)}


def test_a_worker_that_dies_between_calls_is_replaced() -> None:
    with WorkerPool("process", workers=2) as pool:
        for _ in range(3):
            found = parallel_map(where, range(20), pool=pool, batch_size=1)
            assert [item for item, _ in found] == list(range(20))
            for process_id in {int(worker.partition(":")[0]) for _, worker in found}:
                os.kill(process_id, signal.SIGKILL)
        for process_id in list(_workers_of(pool)):  # and while nobody looks
            os.kill(process_id, signal.SIGKILL)
        assert parallel_map(one, range(20), pool=pool) == list(range(20))


def _workers_of(pool: WorkerPool) -> set[int]:
    found = parallel_map(where, range(20), pool=pool, batch_size=1)
    return {int(worker.partition(":")[0]) for _, worker in found}


def test_a_crash_in_a_call_costs_its_item_and_no_other_call() -> None:
    def crash(item: int) -> int:
        if item == 3:
            os._exit(7)
        return item

    with WorkerPool("process", workers=2) as pool:
        for _ in range(2):
            results = parallel_map(crash, range(10), pool=pool, on_error="record")
            assert [index for index, one in enumerate(results) if one != index] == [3]
            assert parallel_map(one, range(10), pool=pool) == list(range(10))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_call_that_stops_or_is_left_early_does_not_end_the_next(backend: Any) -> None:
    def fail(item: int) -> int:
        raise ValueError(item)

    with WorkerPool(backend, workers=2) as pool:
        with pytest.raises(ItemsFailedError):
            parallel_map(fail, range(100), pool=pool, on_error="stop")
        with closing(stream_map(one, range(10**6), pool=pool)) as records:  # type: ignore[type-var]
            next(records)
        assert parallel_map(one, range(1000), pool=pool, batch_size=100) == list(range(1000))


def test_a_set_up_is_called_once_a_worker_for_all_calls(tmp_path: Path) -> None:
    for backend in BACKENDS:
        log = Log(tmp_path / backend)
        setup = generator(log)
        with WorkerPool(backend, workers=2) as pool:  # type: ignore[arg-type]
            for _ in range(3):
                found = parallel_map(same_worker, range(20), pool=pool, setup=setup, batch_size=1)
                assert all(is_same for _, _, is_same in found)
            assert log.who("end") == []
        assert 1 <= len(log.who("begin")) == len(set(log.who("begin"))) <= 2
        assert log.who("end") == log.who("begin")


def test_a_set_up_once_a_process_is_kept_as_well(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    setup = generator(log)
    with WorkerPool("thread", workers=3) as pool:
        for _ in range(3):
            parallel_map(same_worker, range(20), pool=pool, setup=setup, setup_per="process")
        assert log.who("end") == []
    assert len(log.who("begin")) == len(log.who("end")) == 1


@pytest.mark.parametrize("backend", [*BACKENDS, "async"])
def test_a_call_inside_an_item_is_done_in_place(backend: Any) -> None:
    def outer(item: int) -> list[int]:
        return parallel_map(one, range(item), pool=pool)

    async def outer_later(item: int) -> list[int]:
        return outer(item)

    function: Any = outer_later if backend == "async" else outer
    with WorkerPool(backend, workers=2) as pool:
        found = parallel_map(function, range(8), pool=pool)
    assert found == [list(range(item)) for item in range(8)]


def test_lists_of_items_go_to_a_pool_and_a_set_up_after_them() -> None:
    def negate(items: list[int], factor: int) -> list[int]:
        return [factor * item for item in items]

    with WorkerPool("process", workers=2) as pool:
        options: dict[str, Any] = {"pool": pool, "setup": minus_one, "batched": 7}
        assert parallel_map(negate, range(50), **options) == [-item for item in range(50)]


def minus_one() -> int:
    return -1


def test_one_pool_inside_another() -> None:
    with WorkerPool("thread", workers=2) as outer, WorkerPool("thread", workers=2) as inner:

        def work(item: int) -> int:
            return sum(parallel_map(one, range(item), pool=inner))

        assert parallel_map(work, range(8), pool=outer) == [sum(range(item)) for item in range(8)]


def test_a_fork_does_its_calls_in_place() -> None:
    with WorkerPool("process", workers=1) as pool:
        parallel_map(one, range(3), pool=pool)
        assert parallel_map(one, range(3), pool=pickle.loads(pickle.dumps(pool))) == [0, 1, 2]
        child = os.fork()
        if not child:
            with suppress(BaseException):
                [(item, worker)] = parallel_map(where, [5], pool=pool)
                if (item, worker.partition(":")[0]) == (5, str(os.getpid())):
                    os._exit(17)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
        assert parallel_map(one, range(3), pool=pool) == [0, 1, 2]


def test_after_the_block_nothing_is_taken() -> None:
    with WorkerPool("thread", workers=2) as pool:
        records = stream_map(one, range(10**6), pool=pool)
        next(records)
    with pytest.raises(WorkersLostError, match="the pool is closed; make another one"):
        list(records)
    with pytest.raises(RuntimeError, match="the pool is closed; make another one"):
        parallel_map(one, [1], pool=pool)
    with pytest.raises(WorkersLostError, match="the pool is closed"), pool:
        pass
    pool.close()


def test_a_block_that_an_error_ends_does_not_wait_for_items() -> None:
    def hang(item: int) -> int:
        if item:
            threading.Event().wait()
        return item

    found: list[Exception] = []

    def call() -> None:
        try:
            for record in stream_map(hang, range(20), pool=pool, batch_size=1):
                assert record.index == 0
                reached.set()
        except WorkersLostError as error:
            found.append(error)

    reached = threading.Event()
    thread = threading.Thread(target=call)
    pool = WorkerPool("process", workers=2)

    def block() -> None:
        with pool:
            thread.start()
            assert reached.wait(WAIT_S)
            raise KeyError

    with pytest.raises(KeyError):
        block()
    thread.join(WAIT_S)
    assert len(found) == 1


def test_a_pool_that_nobody_closes_leaves_nothing_behind(tmp_path: Path) -> None:
    program = (
        "import os\n"
        "from batchmap import WorkerPool, parallel_map\n"
        "pool = WorkerPool('process', workers=2)\n"
        "print(*set(parallel_map(lambda _: os.getpid(), range(20), pool=pool, batch_size=1)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "packages" / "batchmap")}, timeout=WAIT_S,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    wait_until(lambda: all(map(is_gone, map(int, done.stdout.split()))))
    pool = WorkerPool("process", workers=1)
    [(_, worker)] = parallel_map(where, [1], pool=pool)
    del pool
    gc.collect()
    wait_until(lambda: is_gone(int(worker.partition(":")[0])))


def test_the_plan_is_that_of_the_pool_and_so_is_the_time_limit() -> None:
    plans: list[Plan] = []
    with WorkerPool("thread", workers=3, timeout_s=0.05) as pool:
        hold = threading.Event()
        results = parallel_map(
            lambda item: hold.wait() if item else item, [0, 1], pool=pool, on_plan=plans.append,
            on_error="record",
        )  # fmt: skip
        hold.set()
    assert (plans[0].backend, plans[0].workers) == ("thread", 3)
    assert results[0] == 0
    assert results[1].failure.error_type == "TimeoutError"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"backend": "auto"}, "backend must be one of thread, process, async, dask, got 'auto'"),
        ({"backend": "sequential"}, "backend must be one of thread, process, async, dask"),
        ({"workers": 0, "timeout_s": -1}, "workers must be at least 1, got 0; leave it out to have "
         "it chosen; timeout_s must be above 0"),
    ],
)  # fmt: skip
def test_a_wrong_pool_is_refused(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        WorkerPool(**options)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"backend": "process"}, "backend='process' with pool: that is the pool's; give it to "),
        ({"workers": 3}, "workers=3 with pool: that is the pool's"),
        ({"timeout_s": 3}, "timeout_s=3 with pool: that is the pool's"),
        ({"seed": 3}, "seed: items that run side by side"),
        ({"pool": 4}, "pool must be a WorkerPool, got 4"),
    ],
)
def test_what_a_call_cannot_have_with_a_pool_is_refused(
    options: dict[str, Any], fault: str
) -> None:
    with WorkerPool("thread", workers=2) as pool:
        for call in (parallel_map, stream_map):
            with pytest.raises(ValueError, match=fault):
                call(one, [1], **{"pool": pool, **options})
        assert parallel_map(one, [1], pool=pool, backend="thread", workers=2) == [1]
