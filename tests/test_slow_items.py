"""Slow items: the right ones are named, and only what tells them apart from others is told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from batchmap.command.summary import slow_lines
from batchmap.item_facts import host_of, size_of
from batchmap.metrics import RunMetrics
from batchmap.records import BatchRecord
from batchmap.run_outcome import SlowItem
from batchmap.slow_items import SlowItems

from batchmap_workbook.utils.execution.items import facts_of
from batchmap_workbook.utils.reporting import render_comparison, render_markdown
from batchmap_workbook.utils.workloads.generated_items import GeneratedItems
from tests import fakes_report
from tests.fakes import FakeClock, batch_record, run_summary
from tests.run_command import Place, place

__all__ = ["place"]


def alone(
    index: int, duration_s: float, *, worker: int = 0, attempts: int = 1, started_s: float = 0.0
) -> BatchRecord:
    """Return the record of an item that was a batch of its own."""
    record = batch_record(
        [None],
        batch_index=index,
        first_item=index,
        durations_s=[duration_s],
        attempts={0: attempts} if attempts > 1 else {},
        worker=f"{worker}",
    )
    return replace(record, started_s=started_s, ended_s=started_s + duration_s)


def found(records: Iterable[BatchRecord], items: dict[int, Any] | None = None) -> SlowItems:
    slow = SlowItems(clock=FakeClock())
    for record in records:

        def look_up(offset: int, first: int = record.first_item) -> tuple[int, str, Any]:
            index = first + offset
            return index, f"line {index + 1}", (items or {}).get(index)

        slow.add(record, look_up)
    return slow


SLOW = range(50, 60)


def hundred(**slow: Any) -> list[BatchRecord]:
    """Return the records of 100 items on four workers, of which ten are slow in the way told."""
    records = []
    for index in range(100):
        usual = {"worker": index % 4, "started_s": 3.0 * (index * 37 % 100)}
        is_slow = index in SLOW
        records.append(alone(index, 2.0 if is_slow else 0.1, **(usual | (slow if is_slow else {}))))
    return records


def test_the_slowest_ten_are_named_the_slowest_first() -> None:
    times_s = [0.02 * (number * 37 % 101) for number in range(101)]
    whole = batch_record([None] * 101, durations_s=times_s, first_item=5)
    one_by_one = [alone(number + 5, time_s) for number, time_s in enumerate(times_s)]
    expected = sorted(range(101), key=times_s.__getitem__, reverse=True)[:10]
    for records in ([whole], one_by_one, [whole.part(0, 50), whole.part(50, 101)]):
        slowest = found(records).slowest()
        assert [one.index for one in slowest] == [number + 5 for number in expected]
        assert [one.duration_s for one in slowest] == [times_s[number] for number in expected]
        assert slowest[0].place == f"line {slowest[0].index + 1}"


def test_quick_items_are_neither_named_nor_looked_up() -> None:
    def look_up(offset: int) -> Any:
        raise AssertionError(offset)

    slow = SlowItems(clock=FakeClock())
    slow.add(batch_record([None] * 1000, durations_s=[0.0009] * 1000), look_up)
    assert (slow.slowest(), slow.in_common()) == ((), ())


def test_few_of_many_items_are_looked_up() -> None:
    looked_up = 0

    def look_up(offset: int) -> Any:
        nonlocal looked_up
        looked_up += 1
        return offset, "", None

    slow = SlowItems(clock=FakeClock())
    for index in range(10_000):
        slow.add(alone(index, 0.02 + (index * 7919 % 10_007) / 1e6), look_up)
    assert looked_up < 1500  # 200 (1 + ln 50) for the sample, and about 10 ln 1000 slow ones


def test_a_worker_that_most_slow_items_share_is_told_with_what_it_ran_of_all() -> None:
    [told] = found(hundred(worker=1)).in_common()
    assert told == "10 of 10 ran on worker 1, which ran 33.0% of all items"


def test_nothing_is_told_that_holds_for_most_items_anyway() -> None:
    records = [replace(record, worker="0", attempts={0: 2}) for record in hundred()]
    items = {index: {"url": "http://a.example/x", "text": "x" * 100} for index in range(100)}
    assert found(records, items).in_common() == ()


def test_items_that_were_tried_again_are_told() -> None:
    [told] = found(hundred(attempts=2)).in_common()
    assert told == "10 of 10 were tried more than once, of all items 10.0%"


def test_a_host_is_told_where_others_are_of_others() -> None:
    hosts = {
        index: f"https://{'slow' if index in SLOW else f'h{index % 9}'}.example/x?q=1"
        for index in range(100)
    }
    [told] = found(hundred(), hosts).in_common()
    assert told == "10 of 10 are of host slow.example, of all items about 10.0%"


def test_large_items_are_told_with_the_usual_size() -> None:
    texts = {index: "x" * (900 if index in SLOW else 100) for index in range(100)}
    [told] = found(hundred(), texts).in_common()
    assert told == (
        "10 of 10 are large: half of them have 900 bytes or more, half of all items about 100"
    )


def test_a_time_at_which_most_of_them_began_is_told() -> None:
    [told] = found(hundred(started_s=42.0)).in_common()
    assert told == "7 of 10 began within 0.00s, 42.00s after the start of 297.10s in all"


def test_few_items_have_nothing_in_common() -> None:
    assert found(hundred(worker=1)[:53]).in_common() == ()
    assert found(alone(index, 1.0) for index in range(12)).in_common() == ()


def test_the_index_of_a_run_that_was_resumed_is_that_in_the_input() -> None:
    slow = SlowItems(clock=FakeClock())
    slow.add(alone(0, 1.0), lambda offset: (700, "in.txt line 701", "some"))
    [one] = slow.slowest()
    assert (one.index, one.place, one.size_bytes, one.worker) == (700, "in.txt line 701", 4, 0)


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ("ü" * 10, 20),
        (b"abc", 3),
        ("\udce9", 3),
        ({"a": "xyz", "n": 7}, 11),
        (["xyz", ["ab", {"k": "c"}]], 6),
        (7, None),
        (None, None),
        ("no/such/file", 12),
        ("nul/\0", 5),
    ],
)
def test_the_size_of_an_item_is_that_of_its_text(item: Any, size: int | None) -> None:
    assert size_of(item) == size


def test_the_size_of_a_path_is_that_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x" * 1234)
    assert size_of(tmp_path / "a") == size_of(str(tmp_path / "a")) == 1234


def test_an_item_nested_deeper_than_the_stack_has_a_size() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert size_of(nested) == 0


@pytest.mark.parametrize(
    ("item", "host"),
    [
        ("https://user:secret@a.example:8080/x", "a.example"),
        ({"id": 1, "url": "http://b.example/"}, "b.example"),
        ("http://[broken", None),
        ("see http://c.example", None),
        ("no url", None),
        (7, None),
    ],
)
def test_the_host_of_an_item_is_that_of_its_first_url(item: Any, host: str | None) -> None:
    assert host_of(item) == host


def test_a_demonstration_names_its_slow_items_with_their_size() -> None:
    items = GeneratedItems("text", 20, 0)
    metrics = RunMetrics(workers=1, facts=facts_of(items))
    for index in range(20):
        metrics.add(alone(index, 0.5 if index == 3 else 0.001))
    [one] = metrics.summary(total_duration_s=1.0).slowest
    assert (one.place, one.size_bytes) == ("item 3", len(str(list(items)[3])))
    assert facts_of(["a", "b"])(1) == (1, "item 1", "b")
    assert facts_of(iter("ab"))(1) == (1, "item 1", None)


ONE = SlowItem(3, "a\x1b.txt line 4", 1.5, 2, None, "2026-01-02T03:04:05.678+00:00", 1, "h.example")


def test_a_line_has_what_is_known_and_controls_no_terminal() -> None:
    assert list(slow_lines([ONE, replace(ONE, attempts=1, worker=2, host=None)], ["all\x07"])) == [
        "a\\x1b.txt line 4: 1.50s, 2 attempts, 1 byte, host h.example, from 03:04:05",
        "a\\x1b.txt line 4: 1.50s, worker 2, 1 byte, from 03:04:05",
        "In common: all\\x07",
    ]


def test_a_run_tells_its_slow_items_in_details_and_export(place: Place) -> None:
    place.write(
        "slow.py",
        "import time\n"
        "def f(line):\n"
        "    time.sleep(0.05 if len(line) > 20 else 0.001)\n"
        "    return 1\n",
    )
    large = range(7, 200, 20)
    lines = ["x" * 40 if number in large else f"{number}" for number in range(200)]
    place.write("in.txt", "\n".join(lines))
    words = ["slow.py:f", "in.txt", "-o", "out.jsonl", "--details", "--export-json", "r.json"]
    done = place.run(*words, "--backend", "thread", "-j", "2")
    assert done.returncode == 0, done.stderr
    below = done.stdout[done.stdout.index("Slowest Items\n") :].splitlines()[1:11]
    numbers = {int(line.split(":")[0].rpartition(" ")[2]) for line in below}
    assert numbers == {number + 1 for number in large}
    told = "- In common: 10 of 10 are large: half of them have 40 bytes or more, half of all"
    assert told in " ".join(done.stdout.split())
    report = json.loads(place.text("r.json"))
    assert len(report["parallel_metrics"]["slowest"]) == 10
    assert report["parallel_metrics"]["slowest"] == report["analysis"]["outcome"]["slowest"]


def test_every_format_shows_them() -> None:
    run = run_summary(slowest=(ONE,), slowest_share=("1 of 1 is slow",))
    case = fakes_report.case(parallel=run)
    text = render_comparison(case, details=True)
    assert "Slowest Items\n- a\\x1b.txt line 4: 1.50s, 2 attempts, 1 byte, host h.example," in text
    assert "- In common: 1 of 1 is slow\n" in text
    assert "Slowest Items" not in render_comparison(case, details=False)
    page = render_markdown(fakes_report.contents(case))
    assert "### Slowest items" in page
    assert "| 1.50s | 2 | 1 | h.example | 03:04:05 |" in page
    assert "1 of 1 is slow" in page
