"""parallel_map and stream_map: every item once, in order where promised, errors as asked."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from batchmap import parallel_map, stream_map
from batchmap.records import ItemRecord
from batchmap.worker.failures import ItemsFailedError

from tests.conftest import ROOT

BACKENDS = ("auto", "sequential", "thread", "process")


def negate(item: int) -> int:
    return -item


def fail_on_fives(item: int) -> int:
    if item % 5 == 0:
        raise ValueError(f"no {item}")
    return -item


async def negate_async(item: int) -> int:
    await asyncio.sleep(0)
    return -item


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("number", [0, 1, 1000])
def test_results_stand_in_input_order(backend: str, number: int) -> None:
    results = parallel_map(negate, range(number), backend=backend, workers=2)
    assert results == [-item for item in range(number)]


@pytest.mark.parametrize("backend", ["auto", "async", "sequential", "thread", "process"])
def test_coroutine_functions_are_fine_everywhere(backend: str) -> None:
    assert parallel_map(negate_async, range(50), backend=backend) == [-i for i in range(50)]


def test_a_plain_function_is_refused_by_the_async_backend() -> None:
    with pytest.raises(ValueError, match="needs an `async def` function"):
        parallel_map(negate, [1], backend="async")


@pytest.mark.parametrize("backend", BACKENDS)
def test_failures_are_one_error_after_all_else_is_done(backend: str) -> None:
    with pytest.raises(
        ItemsFailedError, match="4 of 20 items failed; the first is item 0: ValueError: no 0"
    ) as caught:
        parallel_map(fail_on_fives, range(20), backend=backend, workers=2)
    assert [record.index for record in caught.value.records] == [0, 5, 10, 15]


@pytest.mark.parametrize("backend", BACKENDS)
def test_or_their_records_stand_in_place(backend: str) -> None:
    results = parallel_map(fail_on_fives, range(20), backend=backend, workers=2, on_error="record")
    for index, result in enumerate(results):
        if index % 5:
            assert result == -index
        else:
            assert isinstance(result, ItemRecord)
            assert result.index == index


def test_a_stream_takes_items_as_it_needs_them() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    stream = stream_map(negate, endless(), backend="thread", workers=2, batch_size=3)
    for _ in range(30):
        next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert taken <= 30 + 5 * 3


def test_a_stream_keeps_order_when_asked() -> None:
    released = threading.Event()

    def hold_first(item: int) -> int:
        if item == 0:
            released.wait()
        elif item == 9:
            released.set()
        return item

    options: dict[str, Any] = {"backend": "thread", "workers": 2, "batch_size": 1}
    kept = [r.index for r in stream_map(hold_first, range(40), keep_order=True, **options)]
    assert kept == list(range(40))
    released.clear()
    loose = [record.index for record in stream_map(hold_first, range(40), **options)]
    assert sorted(loose) == list(range(40))
    assert loose.index(0) > loose.index(5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_retries_are_counted_and_recover(backend: str) -> None:
    def fail_twice(item: int) -> int:
        from batchmap.worker.back_off import current_attempt

        if current_attempt.get() < 3 and item % 4 == 0:
            raise OSError
        return -item

    records = list(stream_map(fail_twice, range(20), backend=backend, workers=2, retries=2))
    assert sorted((record.index, record.attempts) for record in records) == [
        (index, 1 if index % 4 else 3) for index in range(20)
    ]
    assert not [record for record in records if record.failure]


def test_nothing_is_lost_when_what_the_pilot_measures_fails() -> None:
    def fail_first(item: int) -> int:
        from batchmap.worker.back_off import current_attempt

        total = sum(range(60_000))
        if current_attempt.get() == 1 and item % 3:
            raise OSError(total)
        return -item

    records = list(stream_map(fail_first, range(300), retries=1))
    assert sorted(record.index for record in records) == list(range(300))
    assert not [record for record in records if record.failure]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"workers": 0}, "workers must be at least 1, got 0; leave it out to have it chosen"),
        (
            {"workers": 1.5},
            "workers must be a whole number, got 1.5; leave it out to have it chosen",
        ),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0; leave it out to have it chosen"),
        ({"retries": -1}, "retries must be at least 0, got -1"),
        ({"timeout_s": 0}, "timeout_s must be above 0 and at most 86400 seconds, got 0"),
        (
            {"on_error": "ignore"},
            "on_error must be 'raise', 'stop' or 'record', got 'ignore'",
        ),
        (
            {"backend": "gpu"},
            "backend must be one of auto, sequential, thread, process, async, dask, got 'gpu'",
        ),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parallel_map(negate, [1], **options)


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match="callable"):
        parallel_map(3, [1])  # type: ignore[call-overload]


INTERRUPTED = """
import os, signal, sys, time
from batchmap import parallel_map

def interrupt_and_wait(script):
    os.kill(script, signal.SIGINT)
    time.sleep(60)

try:
    parallel_map(interrupt_and_wait, [os.getpid()], backend=sys.argv[1])
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("backend", ["auto", "sequential", "thread", "process"])
def test_ctrl_c_in_a_script_reaches_the_script(backend: str) -> None:
    words = [sys.executable, "-c", INTERRUPTED, backend]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "packages" / "batchmap")}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=50)
    assert (done.stdout, done.returncode) == ("interrupted\n", 0), done.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_interrupt_that_the_function_raises_costs_its_item(backend: str) -> None:
    def interrupt(item: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(ItemsFailedError, match="1 of 1 items failed") as caught:
        parallel_map(interrupt, [1], backend=backend)
    assert type(caught.value.__cause__) is KeyboardInterrupt


def test_coroutines_may_share_what_belongs_to_a_loop_from_one_run_to_the_next() -> None:
    gates: list[asyncio.Event] = []

    async def through_the_gate(item: int) -> int:
        if not gates:
            gates.append(asyncio.Event())
            asyncio.get_running_loop().call_soon(gates[0].set)
        await gates[0].wait()  # raises in another loop than its own, if it has to wait
        loops.add(asyncio.get_running_loop())
        return item

    loops: set[asyncio.AbstractEventLoop] = set()
    for backend in ("sequential", "async", "sequential", "async"):
        assert parallel_map(through_the_gate, range(20), backend=backend) == list(range(20))
    assert len(loops) == 1


def test_a_generator_that_an_item_left_half_way_is_ended_with_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended: list[int] = []

    async def chunks(item: int) -> AsyncIterator[int]:
        try:
            yield item
        finally:
            await asyncio.sleep(0)
            ended.append(item)

    async def fail_at_the_first(item: int) -> int:
        async for chunk in chunks(item):
            raise ValueError(chunk)
        return item

    records = parallel_map(fail_at_the_first, range(5), backend="async", on_error="record")
    assert all(isinstance(record, ItemRecord) and record.failure for record in records)
    assert sorted(ended) == list(range(5))
    assert not caplog.records
