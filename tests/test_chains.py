"""A stream over a stream is a pipeline: each stage has its workers, and memory stays bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from batchmap import (
    ItemRecord,
    WorkerPool,
    WorkersLostError,
    astream_map,
    parallel_map,
    stream_map,
)

from tests.set_ups import Log, generator, more, twice, where
from tests.waiting import WAIT_S, wait_until

BACKENDS = ("auto", "sequential", "thread", "process")


@pytest.mark.parametrize("second", BACKENDS)
@pytest.mark.parametrize("first", BACKENDS)
def test_records_of_a_stage_are_the_items_of_the_next(first: str, second: str) -> None:
    stage = stream_map(more, range(200), backend=first, workers=2, keep_order=True)
    records = stream_map(twice, stage, backend=second, workers=2, keep_order=True)
    assert [record.result for record in records] == [(n, 2 * (n + 1)) for n in range(200)]


def test_results_go_through_three_stages_and_into_a_list() -> None:
    one = (record.result for record in stream_map(more, range(100), backend="thread"))
    two = (record.result for record in stream_map(more, one, backend="process"))
    assert sorted(parallel_map(more, two, backend="thread")) == [*range(3, 103)]


def test_stages_run_at_the_same_time() -> None:
    """The second stage's first item ends when the first stage has gone on to its second."""
    reached = threading.Event()

    def first(item: int) -> int:
        if item == 1:
            reached.set()
        return item

    def second(record: ItemRecord) -> bool:
        return reached.wait(WAIT_S)

    stage = stream_map(first, iter(range(8)), backend="thread", workers=1, batch_size=1)
    records = stream_map(second, stage, backend="thread", workers=1, batch_size=1)
    assert [record.result for record in records] == [True] * 8


def test_each_stage_has_workers_of_its_own() -> None:
    stage = stream_map(where, range(40), backend="process", workers=2)
    records = stream_map(
        lambda record: (record.result[1], where(0)[1]), stage, backend="process", workers=2
    )
    seen = [record.result for record in records]
    assert {one.partition(":")[0] for one, _ in seen}.isdisjoint(
        {two.partition(":")[0] for _, two in seen}
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_slow_consumer_holds_up_the_first_stage(backend: str) -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    options: dict[str, Any] = {"backend": backend, "workers": 2, "batch_size": 3}
    stage = stream_map(more, endless(), **options)
    with closing(stream_map(twice, stage, **options)) as records:  # type: ignore[type-var]
        for _ in range(30):
            next(records)
        now = -1
        while now != taken:  # until nothing more is taken
            now = taken
            threading.Event().wait(0.01)
        assert taken <= 30 + 2 * 6 * 3


@pytest.mark.parametrize("backend", ["auto", "thread", "process"])
def test_a_chain_that_is_left_early_ends_all_its_stages(backend: str, tmp_path: Path) -> None:
    logs = Log(tmp_path / "first"), Log(tmp_path / "second")
    before = set(threading.enumerate())
    first, second = (
        dict[str, Any](backend=backend, workers=2, setup=generator(log)) for log in logs
    )

    def add(item: int, _: str) -> int:
        return item + 1

    def double(item: int, _: str) -> int:
        return 2 * item

    def chain() -> Any:
        stage = stream_map(add, iter(range(10**9)), **first)
        results = (record.result for record in stage)
        del stage
        return stream_map(double, results, **second)

    with closing(chain()) as records:
        assert next(records).failure is None
    wait_until(lambda: set(threading.enumerate()) <= before)
    for log in logs:
        assert log.who("begin")
        wait_until(partial(is_undone, log))


def is_undone(log: Log) -> bool:
    return log.who("end") == log.who("begin")


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_stage_raises_comes_after_what_it_has_given(backend: str) -> None:
    def source() -> Iterator[int]:
        yield from range(5)
        raise OSError("disk")

    done: list[int] = []
    records = stream_map(twice, stream_map(more, source(), backend=backend), backend=backend)
    with pytest.raises(OSError, match="disk"):  # noqa: PT012
        for record in records:
            done.append(record.index)
    assert sorted(done) == [*range(5)]


def test_a_stage_whose_workers_are_lost_ends_the_chain() -> None:
    def licence() -> None:
        raise OSError("no licence")

    stage = stream_map(more, range(100), setup=licence, backend="thread")
    with pytest.raises(WorkersLostError, match="no licence"):
        list(stream_map(twice, stage, backend="thread"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_failed_item_of_a_stage_is_an_item_of_the_next(backend: str) -> None:
    def fail(item: int) -> int:
        if item % 3 == 0:
            raise ValueError(f"no {item}")
        return item

    def told(record: ItemRecord) -> str:
        return "" if record.failure is None else record.failure.error

    stage = stream_map(fail, range(9), backend=backend, keep_order=True)
    found = [record.result for record in stream_map(told, stage, backend=backend, keep_order=True)]
    assert found == ["no 0", "", "", "no 3", "", "", "no 6", "", ""]


@pytest.mark.parametrize("backend", ["thread", "process"])
def test_stages_may_share_a_pool(backend: Any) -> None:
    with WorkerPool(backend, workers=1) as pool:
        stage = stream_map(more, range(50), pool=pool, keep_order=True)
        records = stream_map(twice, stage, pool=pool, keep_order=True)
        assert [record.result for record in records] == [(n, 2 * (n + 1)) for n in range(50)]


@pytest.mark.parametrize("backend", ["auto", "thread", "process", "async"])
def test_async_streams_are_chained_alike(backend: str) -> None:
    before = set(threading.enumerate())

    async def more_later(item: int) -> int:
        await asyncio.sleep(0)
        return item + 1

    async def twice_later(record: ItemRecord) -> tuple[int, int]:
        return twice(record)

    is_async = backend == "async"
    first: Any = more_later if is_async else more
    second: Any = twice_later if is_async else twice

    async def call() -> None:
        stage = astream_map(first, range(100), backend=backend, workers=2, keep_order=True)
        records = astream_map(second, stage, backend=backend, workers=2, keep_order=True)
        assert [one.result async for one in records] == [(n, 2 * (n + 1)) for n in range(100)]
        endless = astream_map(first, range(10**9), backend=backend, workers=2)
        async with aclosing(astream_map(second, endless, backend=backend, workers=2)) as records:
            del endless
            await anext(records)
        while not set(threading.enumerate()) <= before:  # the inner stage is closed by the loop
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(call(), WAIT_S))
