"""Options of a call: its rate, its plan, how far it is, and the random streams of its items."""

from __future__ import annotations

import asyncio
import os
import pty
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from batchmap import Plan, Progress, parallel_map, stream_map
from batchmap.worker.back_off import current_attempt

from tests.conftest import ROOT
from tests.set_ups import drawn, drawn_later, one
from tests.waiting import WAIT_S

BACKENDS = ("auto", "sequential", "thread", "process")
LIBRARY = str(ROOT / "packages" / "batchmap")


async def later(item: int) -> int:
    await asyncio.sleep(0)
    return item


@pytest.mark.parametrize("rate", ["2/h", 1e-3, "0.001"])
@pytest.mark.parametrize("backend", [*BACKENDS, "async"])
def test_the_rate_holds_up_the_second_item(backend: str, rate: Any, tmp_path: Path) -> None:
    called = tmp_path / "called"

    def call(item: int) -> int:
        with called.open("a") as file:
            file.write("x")
        return item

    async def call_later(item: int) -> int:
        return call(item)

    function: Any = call_later if backend == "async" else call
    with closing(stream_map(function, range(3), backend=backend, rate=rate)) as records:  # type: ignore[type-var]
        assert next(records).result == 0
    assert called.read_text() == "x"


def test_all_items_are_done_at_a_rate() -> None:
    assert parallel_map(one, range(20), rate="600k/m") == list(range(20))


@pytest.mark.parametrize("call", [parallel_map, stream_map])
@pytest.mark.parametrize("backend", ["sequential", "thread", "process"])
def test_the_plan_is_told_once_where_it_is_given(backend: str, call: Callable[..., Any]) -> None:
    plans: list[Plan] = []
    list(call(one, range(10), backend=backend, workers=2, on_plan=plans.append))
    [plan] = plans
    assert (plan.backend, plan.workers) == (backend, 1 if backend == "sequential" else 2)


def test_the_plan_that_is_chosen_is_told_with_its_reasons() -> None:
    plans: list[Plan] = []
    assert parallel_map(one, range(10), on_plan=plans.append) == list(range(10))
    assert plans[-1].backend == "sequential"
    assert any(reason.startswith("Backend chosen: in place") for reason in plans[-1].why)
    assert len({repr(plan) for plan in plans}) == len(plans)
    plans.clear()
    parallel_map(later, range(10), on_plan=plans.append)
    assert plans[-1].backend == "async"


def test_an_error_of_the_callback_ends_the_call() -> None:
    def refuse(_: object) -> None:
        raise OSError("no")

    for options in ({"on_plan": refuse}, {"progress": refuse}):
        with pytest.raises(OSError, match="no"):
            parallel_map(one, range(10), **options)  # type: ignore[call-overload]


@pytest.mark.parametrize("call", [parallel_map, stream_map])
@pytest.mark.parametrize("backend", [*BACKENDS, "async"])
def test_progress_ends_at_all_items(backend: str, call: Callable[..., Any]) -> None:
    told: list[Progress] = []

    def fail(item: int) -> int:
        if item % 5 == 0:
            raise ValueError(item)
        return item

    async def fail_later(item: int) -> int:
        return fail(item)

    function: Any = fail_later if backend == "async" else fail
    options = {"on_error": "record"} if call is parallel_map else {}
    list(call(function, range(50), backend=backend, progress=told.append, **options))
    assert (told[-1].done, told[-1].failed, told[-1].total) == (50, 10, 50)
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert all(one.failed <= one.done for one in told)
    assert told[-1].elapsed_s > 0
    assert told[-1].rate is not None
    assert told[-1].left_s == 0


def test_progress_of_what_has_no_length_has_no_total() -> None:
    told: list[Progress] = []
    parallel_map(one, iter(range(50)), progress=told.append)
    assert (told[-1].done, told[-1].total, told[-1].left_s) == (50, None, None)
    told.clear()
    parallel_map(one, [], progress=told.append)
    assert (told[-1].done, told[-1].total, told[-1].rate) == (0, 0, None)


def test_a_file_gets_a_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    parallel_map(one, range(1234), progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"1,234/1,234 100% [\d,.]+/s\n", err)


PROGRAM = """\
import sys
if "bare" in sys.argv: sys.modules["rich"] = None
from batchmap import parallel_map
parallel_map(abs, range(1234), progress=True)
print("printed")
"""


@pytest.mark.parametrize(
    ("words", "variables", "moves"),
    [([], {}, True), (["bare"], {}, True), ([], {"TERM": "dumb"}, False),
     ([], {"NO_COLOR": "1"}, False)],
)  # fmt: skip
def test_a_terminal_gets_a_bar(
    words: list[str], variables: dict[str, str], moves: bool, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    environment |= {"PYTHONPATH": LIBRARY, "TERM": "xterm", "COLUMNS": "100", **variables}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], cwd=tmp_path, env=environment, stderr=theirs,
        stdout=subprocess.PIPE, text=True, timeout=WAIT_S,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 4096):
            shown += block
    except OSError:  # which Linux raises at the end
        pass
    os.close(ours)
    assert done.stdout == "printed\n"
    assert b"1,234/1,234 100%" in shown
    assert (b"\x1b[" in shown) is moves


def test_a_notebook_gets_a_bar_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("ipykernel")
    program = f"""\
import sys
sys.path.insert(0, {LIBRARY!r})
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell = InteractiveShell.instance()
shell.kernel = None  # as that of a notebook has one
from batchmap import parallel_map
with capture_output() as captured:
    parallel_map(abs, range(1234), progress=True)
print([output.data for output in captured.outputs])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)}, timeout=WAIT_S,
    )  # fmt: skip
    assert done.stderr == ""
    outputs = eval(done.stdout)
    assert outputs[-1]["text/plain"].startswith("1,234/1,234 100%")
    assert outputs[-1]["text/html"].startswith('<progress value="1234" max="1234"></progress> 1,2')


def test_random_streams_follow_from_seed_and_item_alone() -> None:
    before = random.getstate()
    ways: list[dict[str, Any]] = [
        {"backend": "sequential"},
        {"backend": "sequential", "batch_size": 7},
        {"backend": "process", "workers": 1},
        {"backend": "process", "workers": 3, "batch_size": 2, "retries": 2},
        {},
    ]
    found = [parallel_map(drawn, range(30), seed=7, **way) for way in ways]
    assert all(one == found[0] for one in found)
    assert parallel_map(drawn_later, range(30), seed=7) == found[0]
    streamed = stream_map(drawn, iter(range(30)), seed=7, keep_order=True)
    assert [record.result for record in streamed] == found[0]
    assert len({number for _, *numbers in found[0] for number in numbers}) == 60
    assert not {one[1] for one in parallel_map(drawn, range(30), seed=8, backend="sequential")} & {
        one[1] for one in found[0]
    }
    assert random.getstate() == before


def test_a_further_attempt_has_another_stream() -> None:
    seen: list[float] = []

    def twice(item: int) -> float:
        seen.append(random.random())
        if current_attempt.get() == 1:
            raise OSError
        return seen[-1]

    options: dict[str, Any] = {"backend": "sequential", "retries": 1, "seed": 3}
    [first] = parallel_map(twice, [0], **options)
    assert len(set(seen)) == 2
    assert parallel_map(twice, [0], **options) == [first]


def test_seeds_go_with_indexes_spread_items_and_set_ups() -> None:
    def function(one: int, other: int, made: int, *, index: int) -> tuple[int, ...]:
        return one, other, made, index, random.randrange(10**9)

    def set_up() -> int:
        random.seed(index := 5)
        return index

    items = [(number, -number) for number in range(5)]
    options: dict[str, Any] = {"star": True, "index": True, "setup": set_up, "seed": 1}
    first = parallel_map(function, items, backend="sequential", **options)
    assert [one[:4] for one in first] == [(n, -n, 5, n) for n in range(5)]
    assert parallel_map(function, items, backend="process", **options) == first


def raising() -> Iterator[int]:
    raise AssertionError("nothing may be taken")
    yield 0


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"rate": 0}, "rate must be above 0 items a second, got 0; for example 10 or 100/m"),
        ({"rate": "fast"}, "rate must be above 0 items a second, got 'fast'"),
        ({"progress": "bar"}, "progress must be True, False or a function, got 'bar'"),
        ({"progress": 1}, "progress must be True, False or a function, got 1"),
        ({"on_plan": True}, "on_plan must be a function, got True"),
        ({"seed": 1.5}, "seed must be a whole number, got 1.5; for example 7"),
        ({"seed": 1, "backend": "thread"}, "seed: items that run side by side in one process share "
         "its random streams, and backend='thread' has them do that; give 'process' or 'seq"),
        ({"seed": 1, "backend": "async"}, "backend='async' has them do that"),
        ({"seed": 1, "backend": "dask"}, "backend='dask' has them do that"),
        ({"rate": -1, "workers": 0, "seed": "x"}, "rate must be above 0"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_a_value_error(options: dict[str, Any], fault: str) -> None:
    for call in (parallel_map, stream_map):
        with pytest.raises(ValueError, match=re.escape(fault)):
            call(one, raising(), **options)
