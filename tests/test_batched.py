"""Functions of lists: as many results, bad items found by halving, sizes found while it runs."""

from __future__ import annotations

import heapq
import json
import math
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batchmap import (
    InputError,
    ItemRecord,
    ItemsFailedError,
    UsageError,
    parallel_map,
    run,
    stream_map,
)
from batchmap.checkpoint.verification import verify_output
from batchmap.scheduling.list_sizes import ListSizing

from tests.run_command import Place, ended, place
from tests.shaped_functions import doubled, doubled_later

__all__ = ["place"]


def failures_of(found: list[Any]) -> dict[int, str]:
    """Return the errors of the failed items by their index."""
    return {
        at: one.failure.error
        for at, one in enumerate(found)
        if isinstance(one, ItemRecord) and one.failure
    }


class Noted:
    """A function of lists that fails for some items, and what it was called with."""

    def __init__(self, bad: Callable[[int], bool]) -> None:
        self.bad = bad
        self.calls: list[list[int]] = []
        self._lock = threading.Lock()

    def __call__(self, items: list[int]) -> list[int]:
        with self._lock:
            self.calls.append(items)
        for item in items:
            if self.bad(item):
                raise ValueError(f"{item} is bad")
        return doubled(items)

    def most_calls_of_an_item(self) -> int:
        return max(Counter(item for call in self.calls for item in call).values())


# Results --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["auto", "sequential", "thread", "process"])
@pytest.mark.parametrize("batched", [7, "auto"])
def test_a_function_of_lists_gives_a_result_for_each_item(backend: str, batched: Any) -> None:
    found = parallel_map(doubled, range(300), batched=batched, backend=backend)
    assert found == list(range(0, 600, 2))


@pytest.mark.parametrize("backend", ["auto", "async", "thread"])
@pytest.mark.parametrize("function", [doubled_later, lambda items: doubled_later(items)])
def test_coroutine_functions_take_lists_too(backend: str, function: Any) -> None:
    found = parallel_map(function, iter(range(300)), batched=7, backend=backend)
    assert found == list(range(0, 600, 2))


def test_lists_have_the_size_that_is_asked_for() -> None:
    noted = Noted(lambda item: False)
    parallel_map(noted, range(20), batched=6, backend="sequential")
    assert list(map(len, noted.calls)) == [6, 6, 6, 2]


def test_a_stream_yields_the_record_of_each_item() -> None:
    noted = Noted(lambda item: item == 5)
    found = list(stream_map(noted, iter(range(9)), batched=4, keep_order=True))
    assert [one.index for one in found] == list(range(9))
    assert [one.result for one in found] == [0, 2, 4, 6, 8, None, 12, 14, 16]
    assert [one.attempts for one in found] == [1, 1, 1, 1, 3, 3, 2, 2, 1]


@pytest.mark.parametrize("given", [tuple, iter, lambda items: dict.fromkeys(items).keys()])
def test_the_results_may_be_anything_that_gives_as_many(given: Any) -> None:
    assert parallel_map(lambda items: given(items), range(5), batched=2) == list(range(5))


def test_the_function_gets_the_index_of_each_item_as_a_list() -> None:
    def told(items: list[str], index: list[int]) -> list[str]:
        return [f"{at}{item}" for at, item in zip(index, items, strict=True)]

    assert parallel_map(told, "abcde", batched=2, index=True) == ["0a", "1b", "2c", "3d", "4e"]


def test_each_item_of_a_list_may_have_any_number_of_results() -> None:
    def some(items: list[int]) -> list[Iterator[int]]:
        return [breaking(item) for item in items]

    def breaking(item: int) -> Iterator[int]:
        yield from range(item)
        if item == 2:
            raise ValueError("two")

    found = parallel_map(some, [1, 0, 2, 3], batched=4, expand=True, on_error="record")
    assert [one if isinstance(one, int) else one.index for one in found] == [0, 2, 0, 1, 2]


# Failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["sequential", "thread"])
def test_a_bad_item_is_found_by_halving_and_all_others_are_done(backend: str) -> None:
    noted = Noted(lambda item: item % 1000 == 7)
    found = parallel_map(noted, range(20_000), batched=64, backend=backend, on_error="record")
    bad = range(7, 20_000, 1000)
    assert failures_of(found) == {item: f"{item} is bad" for item in bad}
    assert all(one == 2 * at for at, one in enumerate(found) if at not in bad)
    assert len(noted.calls) - math.ceil(20_000 / 64) <= 2 * math.log2(64) * len(bad)
    assert noted.most_calls_of_an_item() <= math.log2(64) + 1


def test_every_item_may_be_bad() -> None:
    noted = Noted(lambda item: True)
    with pytest.raises(ItemsFailedError, match="50 of 50 items failed") as error:
        parallel_map(noted, range(50), batched=16, backend="sequential")
    assert isinstance(error.value.__cause__, ValueError)
    assert noted.most_calls_of_an_item() <= 5


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda items: items[1:], "the list has 1 of them, and the function returned 0"),
        (lambda items: [*items, 1], "the list has 1 of them, and the function returned 2"),
        (lambda items: None, "the function returned a value of type NoneType"),
        (lambda items: "a" * len(items), "the function returned a value of type str"),
        (lambda items: dict.fromkeys(items), "the function returned a value of type dict"),
    ],
)
def test_another_number_of_results_is_an_error_that_says_so(function: Any, message: str) -> None:
    errors = failures_of(parallel_map(function, range(5), batched=4, on_error="record"))
    assert list(errors) == list(range(5))
    assert all(error.endswith(message) for error in errors.values())


def test_only_the_items_for_which_a_result_is_missing_fail() -> None:
    def without_three(items: list[int]) -> list[int]:
        return [item for item in items if item != 3]

    found = parallel_map(without_three, range(8), batched=8, on_error="record")
    assert list(failures_of(found)) == [3]


def test_a_list_is_tried_again_as_a_whole() -> None:
    calls: list[int] = []

    def fails_at_first(items: list[int]) -> list[int]:
        calls.append(len(items))
        if len(calls) == 1:
            raise OSError("not yet")
        return items

    assert parallel_map(fails_at_first, range(4), batched=4, retries=1, backend="thread") == [
        0, 1, 2, 3,
    ]  # fmt: skip
    assert calls == [4, 4]


def test_the_time_limit_is_that_of_a_list() -> None:
    def hangs_at_two(items: list[int]) -> list[int]:
        if 2 in items:
            threading.Event().wait()
        return items

    found = parallel_map(
        hangs_at_two, range(4), batched=4, timeout_s=0.3, backend="process", workers=2,
        on_error="record",
    )  # fmt: skip
    assert list(failures_of(found)) == [2]


def test_a_list_that_kills_its_worker_is_halved_at_once() -> None:
    def dies_at_five(items: list[int]) -> list[int]:
        if 5 in items:
            with Path(path).open("a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)
        return items

    path = f"/tmp/test-batched-{os.getpid()}"
    try:
        found = parallel_map(
            dies_at_five, range(8), batched=8, backend="process", workers=2, on_error="record"
        )
        deaths = len(Path(path).read_text())
    finally:
        Path(path).unlink(missing_ok=True)
    assert list(failures_of(found)) == [5]
    assert deaths == 3 + 2  # once in each list of 8, 4 and 2, and alone as any item


@pytest.mark.parametrize("on_error", ["raise", "stop"])
def test_what_the_source_raises_comes_after_what_was_taken(on_error: Any) -> None:
    def broken() -> Iterator[int]:
        yield from range(10)
        raise LookupError("no more")

    noted = Noted(lambda item: False)
    with pytest.raises(LookupError, match="no more"):
        parallel_map(noted, broken(), batched=4, backend="thread", on_error=on_error)
    assert sorted(item for call in noted.calls for item in call) == list(range(10))


def test_nothing_more_is_begun_after_a_bad_item_where_that_is_asked_for() -> None:
    noted = Noted(lambda item: item == 1)
    with pytest.raises(ItemsFailedError, match="no more were started"):
        parallel_map(noted, range(1000), batched=4, backend="sequential", on_error="stop")
    assert len(noted.calls) < 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batched": 0}, "batched must be at least 1, got 0; or auto, to have it found"),
        ({"batched": "many"}, "batched must be a whole number, got 'many'"),
        ({"batched": 2.5}, "batched must be a whole number, got 2.5"),
        ({"batched": 2, "star": True}, "batched gives the function a list, and star spreads one"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parallel_map(doubled, [1], **options)
    with pytest.raises(ValueError, match=message):
        stream_map(doubled, [1], **options)


# Sizes ----------------------------------------------------------------------------------------

COSTS: dict[str, Callable[[int], float]] = {
    "a call costs 100 items": lambda number: 10e-3 + 0.1e-3 * number,
    "a call costs an item": lambda number: 1e-3 + 1e-3 * number,
    "a call costs nothing": lambda number: 1e-3 * number,
    "over the network": lambda number: 50e-3 + 0.5e-3 * number,
    "dearer in long lists": lambda number: 5e-3 + 50e-6 * number + 0.2e-6 * number**2,
    "much dearer in long lists": lambda number: 1e-3 + 0.1e-3 * number**1.3,
}
"""Seconds that a list takes, by the number of its items."""


def simulated_s(cost_s: Callable[[int], float], sizing: ListSizing, workers: int) -> float:
    """Return how long 20,000 items take in lists of these sizes."""
    free_s = [0.0] * workers
    left = 20_000
    while left:
        number = min(left, sizing.next_size(left))
        left -= number
        sizing.learn(number, cost_s(number))
        heapq.heappush(free_s, heapq.heappop(free_s) + cost_s(number))
    return max(free_s)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("cost", COSTS)
def test_the_sizes_that_are_found_are_nearly_as_quick_as_the_best_one(
    cost: str, workers: int
) -> None:
    best_s = min(simulated_s(COSTS[cost], ListSizing(2**power), workers) for power in range(13))
    sizing = ListSizing(None, workers=lambda: workers)
    assert simulated_s(COSTS[cost], sizing, workers) <= 1.06 * best_s


@pytest.mark.parametrize("backend", ["sequential", "thread"])
def test_too_large_lists_end_in_smaller_ones_and_not_in_a_lost_run(backend: str) -> None:
    sizes: list[int] = []

    def limited(items: list[int]) -> list[int]:
        sizes.append(len(items))
        if len(items) > 50:
            raise MemoryError
        return items

    sizes_asked: list[Any] = [1000, "auto"]
    for batched in sizes_asked:
        sizes.clear()
        found = parallel_map(limited, range(5000), batched=batched, backend=backend, workers=2)
        assert found == list(range(5000))
    assert sum(size > 50 for size in sizes) <= 12
    assert max(size for size in sizes if size <= 50) > 20


def test_a_size_at_which_workers_die_is_not_tried_again() -> None:
    sizing = ListSizing(None)
    sizing.learn(4, 0.1)
    tried = sizing.next_size(None)
    sizing.too_large(tried)
    for _ in range(50):
        size = sizing.next_size(None)
        assert size <= tried // 2
        sizing.learn(size, 0.1)


# Outputs --------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("batched", [7, "auto"])
@pytest.mark.parametrize("backend", ["sequential", "process", "async"])
def test_an_output_has_a_row_for_each_item_and_can_be_gone_on_with(
    here: Path, backend: str, batched: Any
) -> None:
    def squares(lines: list[str]) -> list[int]:
        return [int(line) ** 2 for line in lines]

    async def squares_later(lines: list[str]) -> list[int]:
        return squares(lines)

    function: Any = squares_later if backend == "async" else squares
    for number, mode in ((100, "new"), (150, "resume"), (150, "sync")):
        lines = [f"{one}" if one % 40 else "bad" for one in range(number)]
        Path("in.txt").write_text("".join(f"{line}\n" for line in lines))
        done = run(function, "in.txt", "out.jsonl", mode=mode, batched=batched, backend=backend)  # type: ignore[arg-type]
    assert (done.written + done.failed, done.written_before) == (0, 146)
    found = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [(one["index"], one["result"]) for one in found] == [
        (one, one**2) for one in range(150) if one % 40
    ]
    differences = verify_output(Path("out.jsonl"), Path("out.jsonl.errors.jsonl")).differences
    assert differences == []


def test_a_result_that_cannot_be_written_fails_its_item_alone_without_another_call(
    here: Path,
) -> None:
    calls: list[int] = []

    def some(items: list[int]) -> list[Any]:
        calls.append(len(items))
        return [1j if item == 2 else item for item in items]

    done = run(some, range(6), "out.jsonl", batched=6, backend="sequential")
    assert (done.written, done.failed, calls) == (5, 1, [6])
    [failure] = Path("out.jsonl.errors.jsonl").read_text().splitlines()
    assert json.loads(failure)["item"] == 2
    assert "complex" in json.loads(failure)["error"]


def test_a_run_goes_on_with_lists_of_another_size_and_not_without(here: Path) -> None:
    run(doubled, range(5), "out.jsonl", batched=2)
    assert run(doubled, range(9), "out.jsonl", batched=4, mode="resume").written == 4
    with pytest.raises(InputError, match="batched was True when the run began and is not given"):
        run(doubled, range(10), "out.jsonl", mode="resume")
    with pytest.raises(UsageError, match="batched gives the function a list, and star spreads"):
        run(doubled, range(10), "out2.jsonl", batched=2, star=True)


def test_lines_that_cannot_be_read_reach_no_list(here: Path) -> None:
    Path("in.jsonl").write_text("1\n{\n3\n[\n5\n")
    done = run(doubled, "in.jsonl", "out.jsonl", batched=4)
    assert (done.written, done.failed) == (3, 2)


def test_the_command_takes_a_task_of_lists(place: Place) -> None:
    place.write("calls.py", "def total(lines): return [int(line) + 1 for line in lines]\n")
    words = ["calls.py:total", "in.txt", "--batched", "auto", "-o", "out.jsonl"]
    assert ended(place.run(*words, "--dry-run"))[0] == 0
    assert ended(place.run(*words))[0] == 0
    assert [one["result"] for one in place.results("out.jsonl")] == list(range(1, 11))


# With what else a call may have ---------------------------------------------------------------


@pytest.mark.parametrize("backend", ["auto", "thread", "sequential"])
def test_what_a_set_up_gives_comes_after_the_list(backend: str) -> None:
    def model() -> int:
        return 100

    def applied(items: list[int], by: int) -> list[int]:
        return [by + item for item in items]

    found = parallel_map(applied, range(5), batched=2, setup=model, backend=backend)
    assert found == [100, 101, 102, 103, 104]


def test_progress_counts_items_and_not_lists() -> None:
    seen: list[Any] = []
    parallel_map(doubled, range(100), batched=10, progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (100, 100)


def test_a_seed_is_refused_as_items_share_a_call() -> None:
    with pytest.raises(ValueError, match="batched has many items share a call"):
        parallel_map(doubled, [1], batched=2, seed=1)
