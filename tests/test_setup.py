"""Set-up: once a worker, handed to the function, undone when the worker leaves."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from batchmap import ItemsFailedError, WorkersLostError, parallel_map, run, stream_map
from batchmap.records import Batch
from batchmap.worker.processor import BatchProcessor
from batchmap.worker.setup import Setup
from batchmap.worker.worker_function import with_setup

from tests.conftest import ROOT
from tests.fakes import FakeClock
from tests.set_ups import (
    KINDS,
    WITH_SECOND_HALF,
    Log,
    Resource,
    async_manager,
    coroutine,
    end_by_signal,
    generator,
    licence,
    one,
    one_made,
    plain,
    same_worker,
    same_worker_async,
)
from tests.waiting import WAIT_S

BACKENDS = ("auto", "sequential", "thread", "process")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_each_worker_has_its_own_and_undoes_it(
    backend: str, kind: Callable[[Log], Callable[[], Any]], log: Log
) -> None:
    found = parallel_map(same_worker, range(40), setup=kind(log), backend=backend, workers=2)
    assert [item for item, _, _ in found] == list(range(40))
    assert all(is_same for _, _, is_same in found)
    begun = log.who("begin")
    assert len(set(begun)) == len(begun) <= 3  # that in place, where the backend is chosen
    assert {made for _, made, _ in found} <= set(begun)
    assert log.who("end") == (begun if kind in WITH_SECOND_HALF else [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", ["auto", "async", "sequential", "process"])
def test_coroutines_share_what_their_event_loop_has(
    backend: str, kind: Callable[[Log], Callable[[], Any]], log: Log
) -> None:
    found = parallel_map(same_worker_async, range(20), setup=kind(log), backend=backend, workers=2)
    assert [item for item, _, _ in found] == list(range(20))
    assert all(is_same for _, _, is_same in found)
    assert 1 <= len(log.who("begin")) <= (2 if backend == "process" else 1)
    assert log.who("end") == (log.who("begin") if kind in WITH_SECOND_HALF else [])


@pytest.mark.parametrize("backend", ["async", "sequential", "thread", "process"])
def test_coroutines_of_a_worker_run_in_the_loop_of_its_set_up(backend: str) -> None:
    async def set_up() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def in_same_loop(_: int, loop: asyncio.AbstractEventLoop) -> bool:
        return asyncio.get_running_loop() is loop

    assert all(
        parallel_map(
            in_same_loop, range(20), setup=set_up, backend=backend, batch_size=2, workers=2
        )
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_once_a_process_is_once_for_all_its_threads(backend: str, log: Log) -> None:
    setup = generator(log)
    meeting = threading.Barrier(3)

    def meet(item: int, made: str) -> str:
        meeting.wait(WAIT_S)
        return made

    function = meet if backend == "thread" else lambda item, made: made
    options: dict[str, Any] = {"backend": backend, "workers": 3, "batch_size": 1}
    made = set(parallel_map(function, range(9), setup=setup, setup_per="process", **options))
    begun = log.who("begin")
    processes = {who.partition(":")[0] for who in begun}
    assert made <= set(begun)
    assert len(processes) == len(begun) <= (3 if backend == "process" else 1)
    assert {who.partition(":")[0] for who in log.who("end")} == processes
    assert len(log.who("end")) == len(begun)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_gives_none_leaves_the_function_alone(backend: str, log: Log) -> None:
    def set_up() -> None:
        log.add("begin")

    assert parallel_map(abs, [-1, -2], setup=set_up, backend=backend) == [1, 2]
    assert log.who("begin")


@pytest.mark.parametrize("backend", [*BACKENDS, "async"])
def test_it_comes_after_what_an_item_is_spread_over(backend: str) -> None:
    async def waits(*arguments: Any, **keywords: Any) -> Any:
        return arguments, keywords

    def gets(*arguments: Any, **keywords: Any) -> Any:
        return arguments, keywords

    function: Any = waits if backend == "async" else gets
    options: dict[str, Any] = {"setup": licence, "backend": backend, "workers": 2}
    items: list[Any] = [(1, 2), {"a": 3}]
    assert parallel_map(function, items, star=True, index=True, **options) == [
        ((1, 2, "yes"), {"index": 0}),
        (("yes",), {"a": 3, "index": 1}),
    ]
    assert parallel_map(function, [7], index=True, **options) == [((7, "yes"), {"index": 0})]


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_function_returns_is_handed_over_as_it_is(backend: str) -> None:
    def as_it_is(_: int, made: Resource) -> bool:
        return type(made) is Resource and not made.is_entered

    options: dict[str, Any] = {"backend": backend, "workers": 1}
    assert all(parallel_map(as_it_is, range(3), setup=lambda: Resource(), **options))


@pytest.mark.parametrize("backend", [*BACKENDS, "async"])
def test_a_set_up_that_fails_is_told_with_its_traceback(backend: str) -> None:
    def licence() -> None:
        raise OSError("no licence")

    async def waits(item: int, _: Any) -> int:
        return item

    function: Any = waits if backend == "async" else same_worker
    with pytest.raises(WorkersLostError) as caught:
        parallel_map(function, range(100), setup=licence, backend=backend, workers=2)
    assert str(caught.value) == "setup licence failed in a worker: OSError: no licence"
    [note] = caught.value.__notes__
    assert note.splitlines()[-1] == "OSError: no licence"
    assert 'raise OSError("no licence")' in note
    assert str(ROOT / "packages") not in note


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_done_before_a_set_up_failed_is_kept(backend: str, tmp_path: Path) -> None:
    """Threads and processes start one after another; the second set-up here fails."""
    first = tmp_path / "first"

    def set_up() -> None:
        try:
            first.touch(exist_ok=False)
        except FileExistsError:
            raise OSError("one licence only") from None

    done = []
    options: dict[str, Any] = {"backend": backend, "workers": 2, "batch_size": 1}
    records = stream_map(lambda item: item, range(50), setup=set_up, **options)
    try:
        for record in records:
            assert record.failure is None
            done.append(record.result)
    except WorkersLostError as error:
        assert "one licence only" in str(error)  # noqa: PT017  # a worker may have had all
    assert len(done) == len(set(done))


@pytest.mark.parametrize("per", ["worker", "process"])
def test_a_set_up_that_ends_its_worker_is_to_blame_and_no_item_is(per: Any) -> None:
    options: dict[str, Any] = {"backend": "process", "workers": 2, "setup_per": per}
    with pytest.raises(WorkersLostError, match=r"^setup ended its worker with exit code 7$"):
        parallel_map(same_worker, range(100), setup=lambda: os._exit(7), **options)
    with pytest.raises(WorkersLostError, match=r"^setup ended its worker with signal SIGKILL"):
        parallel_map(same_worker, range(100), setup=end_by_signal, timeout_s=9, **options)


def test_a_function_that_does_not_take_it_ends_the_run_at_once() -> None:
    with pytest.raises(
        WorkersLostError,
        match=r"setup licence gives a str, which is the second argument of one\(\): too many",
    ):
        parallel_map(one, range(10), setup=licence, backend="process")


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_is_undone_where_items_fail_the_source_fails_and_a_stream_is_left(
    backend: str, log: Log
) -> None:
    def source() -> Iterator[int]:
        yield from range(5)
        raise OSError("disk")

    def fail(item: int, _: str) -> int:
        raise ValueError(item)

    options: dict[str, Any] = {"setup": generator(log), "backend": backend, "workers": 2}
    with pytest.raises(ItemsFailedError):
        parallel_map(fail, range(10), **options)
    with pytest.raises(OSError, match="disk"):
        parallel_map(same_worker, source(), **options)
    with closing(stream_map(same_worker, range(10**6), **options)) as records:  # type: ignore[type-var]
        next(records)
    assert log.who("end") == log.who("begin") != []


@pytest.mark.parametrize("backend", ["thread", "process"])
def test_a_second_half_that_fails_is_logged_and_costs_no_result(
    backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    def set_up() -> Iterator[int]:
        yield 1
        raise OSError("cannot close")

    assert parallel_map(pow, [2, 3], setup=set_up, backend=backend, workers=1) == [2, 3]
    [record] = [one for one in caplog.records if one.name == "setup"]
    assert record.getMessage().startswith(
        "the second half of setup set_up failed as a worker left: OSError: cannot close\nTraceback"
    )


def test_the_time_of_a_set_up_is_no_item_s() -> None:
    clock = FakeClock()
    noted: list[float] = []

    def set_up() -> str:
        clock.sleep(100)
        return "made"

    function = with_setup(lambda item, _: clock.sleep(item), Setup(set_up))
    processor = BatchProcessor(function, clock=clock)
    record = processor.process(Batch(0, 0, (1, 2)), begun=lambda _: noted.append(clock.now()))
    assert [*record.durations_s] == [1, 2]
    assert noted == [record.started_s] == [100]


def test_calls_inside_have_workers_of_their_own(log: Log) -> None:
    inner = generator(Log(log.path.with_name("inner")))

    def outer(item: int, made: str) -> list[Any]:
        found = parallel_map(same_worker, [item], setup=inner, backend="sequential")
        return [made, found[0][1]]

    found = parallel_map(outer, range(4), setup=generator(log), backend="sequential")
    assert len({made for made, _ in found}) == 1
    assert log.whats() == ["begin", "end"]
    assert Log(log.path.with_name("inner")).whats() == ["begin", "end"] * 4


def test_a_fork_does_not_take_what_its_parent_has_set_up_for_its_own(log: Log) -> None:
    found = parallel_map(
        lambda item, made: parallel_map(
            same_worker, [item], setup=generator(log), setup_per="process", backend="sequential"
        )[0][1].partition(":")[0] == str(os.getpid()),
        range(4), setup=generator(log), setup_per="process", backend="process", workers=2,
    )  # fmt: skip
    assert all(found)


@pytest.mark.parametrize("backend", ["sequential", "thread", "process"])
def test_a_ctrl_c_lets_second_halves_run(backend: str, log: Log, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(f"""\
        import time
        from pathlib import Path
        from batchmap import parallel_map

        def set_up():
            yield "made"
            with open("ended", "a") as file:
                file.write("x")

        def f(item, made):
            Path("running").touch()
            time.sleep(0.05)

        try:
            parallel_map(f, range(10**6), setup=set_up, backend="{backend}", workers=2)
        except KeyboardInterrupt:
            while not (Path("ended").exists() and Path("ended").read_text()):
                time.sleep(0.01)
            print(Path("ended").read_text())
        """)
    )
    process = subprocess.Popen(
        [sys.executable, program], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "packages" / "batchmap")},
    )  # fmt: skip
    while not (tmp_path / "running").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=WAIT_S)
    assert out in (["x\n"] if backend == "sequential" else ["x\n", "xx\n"])


def test_the_function_works_outside_of_any_worker(log: Log) -> None:
    function = with_setup(same_worker, Setup(plain(log)))
    assert function(1)[2]
    assert BatchProcessor(function).process_item(2).result[0] == 2
    assert log.whats() == ["begin"]
    assert asyncio.run(with_setup(same_worker_async, Setup(coroutine(log)))(3))[2]


def test_a_run_into_a_file_takes_it_too(log: Log, tmp_path: Path) -> None:
    outcome = run(one_made, range(5), tmp_path / "out.jsonl", setup=generator(log), workers=2)
    assert (outcome.written, outcome.failed) == (5, 0)
    assert log.who("end") == log.who("begin") != []


@pytest.mark.parametrize(
    ("options", "error", "fault"),
    [
        ({"setup": "prepare"}, TypeError, "setup must be callable, got str"),
        ({"setup": one}, TypeError, "setup one must take no argument: missing a required"),
        ({"setup": licence, "setup_per": "thread"}, ValueError,
         "setup_per must be 'worker' or 'process', got 'thread'"),
        ({"setup": coroutine, "setup_per": "process"}, ValueError,
         "setup set_up is async, and what it makes belongs to the event loop of one worker; leave"),
        ({"setup": async_manager, "setup_per": "process"}, ValueError, "set_up is async"),
        ({"setup_per": "process"}, ValueError, "setup_per says where setup is called; give setup"),
    ],
)  # fmt: skip
def test_a_wrong_set_up_is_refused(
    options: dict[str, Any], error: type[Exception], fault: str, log: Log
) -> None:
    if options.get("setup") in KINDS:
        options = {**options, "setup": options["setup"](log)}
    for call in (parallel_map, stream_map):
        with pytest.raises(error, match=re.escape(fault)):
            call(one, [1], **options)
