"""Slow items of an input that is read once a run: what is known of them is read afterwards."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from batchmap.slow_items import Facts, SlowItems
from batchmap.sources.repeatable import TextLines

from batchmap_workbook.utils.execution.items import items_at
from tests.conftest import RunMain
from tests.fakes import FakeClock, batch_record

SLOW = range(50, 60)


def unknown(index: int) -> Callable[[int], Facts]:
    """Return what is known of the items from an index on while they run: where they stand."""
    return lambda offset: (index + offset, f"line {index + offset}", None)


def test_what_was_not_known_while_items_ran_is_looked_up_afterwards_at_once() -> None:
    slow, texts = SlowItems(clock=FakeClock()), {index: "x" * index for index in range(100)}
    for index in range(100):
        record = batch_record([None], first_item=index, durations_s=[2.0 if index in SLOW else 0.1])
        slow.add(record, unknown(index))
    asked: list[Collection[int]] = []

    def items_at(indexes: Collection[int]) -> dict[int, str]:
        asked.append(indexes)
        return {index: texts[index] for index in indexes}

    slow.look_up_afterwards(items_at)
    assert [set(indexes) for indexes in asked] == [set(range(100))]
    assert {one.size_bytes for one in slow.slowest()} == set(SLOW)
    assert {one.place for one in slow.slowest()} == {f"line {index}" for index in SLOW}


def test_nothing_is_looked_up_afterwards_where_no_item_was_slow() -> None:
    slow = SlowItems(clock=FakeClock())
    slow.add(batch_record([None] * 10, durations_s=[0.002] * 10), unknown(0))
    slow.look_up_afterwards(lambda indexes: pytest.fail("looked up"))
    assert slow.slowest() == ()


def test_an_input_is_read_again_for_the_items_at_some_indexes(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("a\nb\nc\nd\n")
    read = items_at(TextLines(path))
    assert read is not None
    assert read({0, 2}) == {0: "a", 2: "c"}
    path.unlink()
    assert read({0, 2}) == {}
    assert items_at(["a", "b"]) is None


def test_a_comparison_over_a_file_knows_what_its_slow_items_share(
    tmp_path: Path, run_main: RunMain
) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\n"
        "def f(row):\n"
        "    time.sleep(0.03 if 'slow.example' in row['url'] else 0.001)\n",
    )
    hosts = ["slow.example" if number % 8 == 3 else "a.example" for number in range(80)]
    (tmp_path / "in.csv").write_text("url\n" + "".join(f"http://{host}/\n" for host in hosts))
    words = ["compare", "slow.py:f", "in.csv", "-j", "4", "--backend", "thread", "--details"]
    done = run_main(*words, "--no-progress")
    assert done.returncode == 0, done.stderr
    told = "- In common: 10 of 10 are of host slow.example, of all items about "
    assert told in " ".join(done.stdout.split())
    assert done.stdout.count("host slow.example, from") == 10
