"""The profiler: what it decides from what was measured, and that no item runs twice for it."""

from __future__ import annotations

import asyncio
import hashlib
import math
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from time import perf_counter, sleep, thread_time
from typing import Any

import pytest
from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.engine import RunState, stream_batches
from batchmap.records import Batch, Plan
from batchmap.resources import ProcessUsage, process_usage
from batchmap.tuning import other_side
from batchmap.tuning.backend_choice import Profile, TransferCost, choose_backend
from batchmap.tuning.profiler import Profiler
from batchmap.worker.processor import BatchProcessor
from batchmap.worker.setup import Setup, SetupPer
from batchmap.worker.worker_function import with_setup

from tests.fakes import FakeClock, batch_record


def known(**changes: Any) -> Profile:
    values: dict[str, Any] = {
        "left": 1000,
        "elapsed_s": 0.01,
        "item_s": 0.002,
        "cpu_share": 1.0,
        "threads_gain": 1.0,
        "transfer": TransferCost(here_s=1e-6, there_s=1e-6, item_bytes=10),
    }
    return Profile(**values | changes)


def chosen(cores: int = 2, workers: int | None = None, **changes: Any) -> Plan:
    plan = choose_backend(known(**changes), cores=cores, workers=workers)
    assert plan is not None
    return plan


@pytest.mark.parametrize(
    ("changes", "backend", "why"),
    [
        ({}, "process", "it holds the GIL"),
        ({"threads_gain": 1.9}, "thread", "it releases the GIL"),
        ({"cpu_share": 0.01}, "thread", "wait side by side"),
        ({"item_s": 1e-6}, "sequential", "in place, what is left takes 1 ms, sooner"),
        ({"left": 2, "cpu_share": 0.01, "item_s": 1e-4}, "sequential", "gain little"),
        ({"own_cores": 1.9, "threads_gain": None}, "sequential", "1.9 cores busy by itself"),
        ({"unpicklable": "a lock"}, "thread", "cannot go to a process: a lock"),
        ({"setup_s": 0.7}, "process", "it holds the GIL"),
        ({"setup_s": 1.0}, "sequential", "takes 2 s, and setting up a worker takes 1 s"),
        ({"thread_setup_s": 1.0}, "process", "it holds the GIL"),
        ({"cpu_share": 0.01, "setup_s": 3.0}, "thread", "wait side by side"),
        ({"cpu_share": 0.01, "thread_setup_s": 3.0}, "sequential", "threads would gain little"),
        (
            {"transfer": TransferCost(here_s=2e-3, there_s=1e-3, item_bytes=10**6)},
            "sequential",
            "pickling one and its result costs 3 ms",
        ),
    ],
)
def test_the_backend_follows_from_what_was_measured(
    changes: dict[str, Any], backend: str, why: str
) -> None:
    plan = chosen(**changes)
    assert plan.backend == backend
    assert why in " / ".join(plan.why)
    assert plan.why[0].startswith("Measured: an item takes ")


def test_whether_it_holds_the_gil_is_tried_before_processes_are_chosen() -> None:
    assert choose_backend(known(threads_gain=None), cores=2) is None


def test_one_core_or_one_worker_is_no_pool() -> None:
    assert chosen(cores=1).backend == "sequential"
    assert chosen(workers=1, cpu_share=0.0).backend == "sequential"


def test_threads_for_waiting_follow_wait_over_compute_within_reason() -> None:
    assert chosen(left=10**6, cpu_share=0.1).workers == 20
    assert chosen(left=10**6, cpu_share=0.0).workers == 128
    assert chosen(left=10, cpu_share=0.0).workers == 10
    assert chosen(left=10**6, cpu_share=0.0, workers=7).workers == 7


def test_the_prediction_is_what_was_spent_and_what_is_left() -> None:
    assert chosen().predicted_s == pytest.approx(0.01 + 1.002 + 2 * 0.006, rel=0.01)
    assert chosen(item_s=1e-6).predicted_s == pytest.approx(0.011)


@pytest.mark.parametrize(("per", "backend"), [("worker", "sequential"), ("process", "thread")])
def test_the_plan_counts_what_setting_up_a_worker_takes(per: SetupPer, backend: str) -> None:
    def load() -> str:
        sleep(0.4)
        return "model"

    function = with_setup(lambda item, model: sleep(0.001), Setup(load, per))
    plan_with(backend, function, range(100))


def test_with_the_number_unknown_as_much_again_is_expected() -> None:
    assert chosen(left=None, elapsed_s=0.01).backend == "sequential"
    assert chosen(left=None, elapsed_s=10.0).backend == "process"
    assert chosen(left=None, elapsed_s=10.0).predicted_s is None


def spin(turns: int) -> int:
    total = 0
    for turn in range(turns):
        total += turn
    return total


def plan_for(
    function: Callable[[Any], Any], items: Sequence[Any], *, clock: Clock = SYSTEM_CLOCK
) -> Plan:
    plans: list[Plan] = []
    seen = Counter(
        index
        for record in stream_batches(
            BatchProcessor(function, clock=clock),
            items,
            total=len(items),
            state=RunState(on_plan=plans.append),
        )
        for index in range(record.first_item, record.first_item + len(record.results))
        if not record.failures
    )
    assert seen == Counter(range(len(items)))
    return plans[-1]


def plan_with(
    backend: str,
    function: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    clock: Clock = SYSTEM_CLOCK,
) -> Plan:
    """Return the first plan with this backend of up to eight that are made, or fail.

    Another program that takes a core for a moment can mislead some measurements, not eight.
    """
    plans: list[Plan] = []
    while len(plans) < 8:
        plans.append(plan_for(function, items, clock=clock))
        if plans[-1].backend == backend:
            return plans[-1]
    raise AssertionError([plan.why for plan in plans])


async def wait_async(_: int) -> None:
    await asyncio.sleep(0.001)


DATA = bytes(10_000_000)


def hash_much(_: int) -> str:
    return hashlib.sha256(DATA).hexdigest()


class UnsharedClock:
    """A clock that stands still for a thread that is ready to run while others have all cores.

    Two threads that hash then take as long as on a machine of their own. Not so two that hold the
    GIL: one may be ready to run, and no more than that, while the other holds it.
    """

    cpu = staticmethod(thread_time)
    sleep = staticmethod(SYSTEM_CLOCK.sleep)

    def now(self) -> float:
        return perf_counter() - process_usage().queued_s


@pytest.mark.parametrize(
    ("function", "items", "backend"),
    [
        (lambda item: item, range(1000), "sequential"),
        (lambda _: threading.Event().wait(0.01), range(50), "thread"),
        (wait_async, range(50), "async"),
        (spin, [30_000] * 400, "process"),
        (len, [DATA[: 5 * 10**6]] * 30, "sequential"),
    ],
    ids=["no-op", "waits", "async", "computes", "large items"],
)
def test_real_functions_get_the_backend_that_suits_them(
    function: Callable[[Any], Any], items: Sequence[Any], backend: str
) -> None:
    plan_with(backend, function, items)


def test_what_releases_the_gil_gets_threads() -> None:
    plan_with("thread", hash_much, range(40), clock=UnsharedClock())


def test_the_plan_of_coroutines_says_why_and_what_to_expect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(other_side, "may_have_other_side", lambda: False)  # as pytest's processes
    plan = plan_for(wait_async, range(50))
    assert plan.why[0].startswith("Measured: an item takes ")
    assert plan.why[1] == "Backend chosen: async, for an `async def` function"
    assert plan.predicted_s is not None
    assert plan.predicted_s >= 0.001


def test_a_function_that_cannot_be_pickled_gets_threads_and_the_plan_says_why() -> None:
    lock = threading.Lock()

    def locked(turns: int) -> int:
        with lock:
            return spin(turns)

    plan = plan_with("thread", locked, [30_000] * 400)
    assert "lock" in " ".join(plan.why)


def test_a_fast_start_that_turns_slow_is_followed() -> None:
    plan_with("process", spin, [1] * 3000 + [30_000] * 2000)


def test_a_slow_first_item_does_not_decide_alone() -> None:
    def load_and_answer(item: int) -> int:
        if item == 0:
            spin(600_000)  # longer than MEASURE_S, and far shorter than LONG_FIRST_S
        return item

    plan_with("sequential", load_and_answer, range(1000))


def test_where_items_wait_longer_than_the_plan_expects_there_are_more_threads() -> None:
    clock = FakeClock()
    profiler = Profiler(
        len, total=1000, cores=lambda: 2, clock=clock,
        usage=lambda: ProcessUsage(clock.time_s / 5, 1e5 * clock.time_s),
    )  # fmt: skip

    def run(items: int, item_s: float) -> None:
        clock.time_s += items * item_s
        record = batch_record(
            [1] * items, durations_s=[item_s] * items, cpu_s=items * min(item_s, 1e-4) / 5
        )
        profiler.learn(Batch(0, 0, ["a"] * items), record)

    plan = None
    while plan is None:
        run(50, 1e-4)
        plan = profiler.next_plan()
    assert (plan.backend, plan.workers) == ("thread", 10)
    run(5, 0.05)
    assert profiler.wider_plan() is None
    run(5, 0.05)
    wider = profiler.wider_plan()
    assert wider is not None
    assert wider.workers > 5 * plan.workers
    assert profiler.wider_plan() is None


def test_threads_that_a_library_leaves_spinning_are_seen_to_end() -> None:
    clock = FakeClock()
    usage = [ProcessUsage(cpu_s=0.0, waits=0)]
    profiler = Profiler(len, total=1000, cores=lambda: 2, clock=clock, usage=lambda: usage[0])

    def run_for(seconds: float, cores: float) -> Plan | None:
        clock.time_s += seconds
        usage[0] = ProcessUsage(cpu_s=usage[0].cpu_s + seconds * cores, waits=0)
        profiler.learn(Batch(0, 0, ["a"] * 2), batch_record([1, 1], durations_s=[seconds / 2] * 2))
        return profiler.next_plan()

    assert run_for(0.02, cores=2.0) is None
    assert run_for(0.02, cores=2.0) is None
    assert not profiler.probes_gil
    run_for(0.02, cores=1.0)
    assert profiler.probes_gil


def test_items_that_keep_several_cores_busy_go_on_in_place_once_that_lasts() -> None:
    clock = FakeClock()
    profiler = Profiler(
        len, total=1000, cores=lambda: 2, clock=clock,
        usage=lambda: ProcessUsage(cpu_s=2.0 * clock.time_s, waits=0),
    )  # fmt: skip
    plans = []
    for _ in range(10):
        clock.time_s += 0.05
        profiler.learn(Batch(0, 0, ["a"] * 2), batch_record([1, 1], durations_s=[0.025] * 2))
        plans.append(profiler.next_plan())
    [plan] = filter(None, plans)
    assert "2.0 cores busy by itself" in plan.why[-1]
    assert not profiler.probes_gil


def test_a_first_item_that_loads_a_library_does_not_count() -> None:
    clock = FakeClock()
    cpu_s = 0.0
    profiler = Profiler(
        len, total=1000, cores=lambda: 2, clock=clock,
        usage=lambda: ProcessUsage(cpu_s=cpu_s, waits=0),
    )  # fmt: skip
    for seconds, cores in ((0.1, 2.0), (0.02, 1.0)):
        clock.time_s += seconds
        cpu_s += seconds * cores
        profiler.learn(Batch(0, 0, ["a"]), batch_record([1], durations_s=[seconds]))
        profiler.next_plan()
    assert profiler.probes_gil


def test_time_in_line_for_a_core_is_no_waiting() -> None:
    clock = FakeClock()
    profiler = Profiler(
        len, total=1000, cores=lambda: 2, clock=clock,
        usage=lambda: ProcessUsage(clock.time_s / 4, 1000 * clock.time_s, 0.75 * clock.time_s),
    )  # fmt: skip
    for _ in range(3):
        clock.time_s += 0.02
        profiler.learn(Batch(0, 0, ["a"]), batch_record([1], durations_s=[0.02], cpu_s=0.005))
        profiler.next_plan()
    assert profiler.probes_gil


def test_no_item_runs_twice_for_the_measuring() -> None:
    seen: Counter[int] = Counter()
    lock = threading.Lock()

    def count(item: int) -> None:
        threading.Event().wait(0.002)
        with lock:
            seen[item] += 1

    plan_for(count, range(300))
    assert set(seen.values()) == {1}
    assert math.fsum(seen.values()) == 300
