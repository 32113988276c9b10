"""Progress: records pass through, and lines on stderr say how far the run is."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from batchmap.checkpoint.identity import identity_of
from batchmap.checkpoint.pending_items import PendingItems
from batchmap.command.progress import ProgressObserver
from batchmap.command.progress_sums import ProgressSums
from batchmap.command.terminal import lines_above, write_line
from batchmap.records import BatchRecord, ItemFailure
from batchmap.scheduling.run_state import RunState
from batchmap.sources import open_source
from batchmap.stopping import StopRequest
from rich.console import Console
from rich.progress import Progress

from tests.fakes import FakeClock, batch_record


def test_a_plain_line_comes_now_and_then_and_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = FakeClock()

    def slowly() -> Iterator[BatchRecord]:
        for index in range(4):
            clock.sleep(2.0)
            yield batch_record([0] * 10, batch_index=index)

    seen = list(ProgressObserver(phase="parallel", total=40, clock=clock).observe(slowly()))
    assert [record.batch_index for record in seen] == [0, 1, 2, 3]
    assert capsys.readouterr() == (
        "",
        "parallel: 30/40 items, 75%, 5.0 items/s, ETA 0:02\nparallel: 40/40 items, 5.0 items/s\n",
    )


def test_an_unknown_total_has_no_eta(capsys: pytest.CaptureFixture[str]) -> None:
    clock = FakeClock()

    def slowly() -> Iterator[BatchRecord]:
        clock.sleep(5.0)
        yield batch_record([0] * 1000)

    list(ProgressObserver(phase="sequential", total=None, clock=clock).observe(slowly()))
    assert capsys.readouterr().err.splitlines()[0] == "sequential: 1,000 items, 200.0 items/s"


def test_disabled_progress_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    records = [batch_record([1])]
    assert (
        list(ProgressObserver(phase="x", total=1, enabled=False).observe(iter(records))) == records
    )
    assert capsys.readouterr().err == ""


def test_records_are_not_taken_ahead() -> None:
    taken = 0

    def endless() -> Iterator[BatchRecord]:
        nonlocal taken
        while True:
            taken += 1
            yield batch_record([0])

    shown = ProgressObserver(phase="x", total=None, clock=FakeClock()).observe(endless())
    next(shown)
    next(shown)
    assert taken == 2


def sums(clock: FakeClock, **options: Any) -> ProgressSums:
    given: dict[str, Any] = {"total": None, "counted": lambda: None, "share_done": lambda: None}
    return ProgressSums("run", state=None, clock=clock, **{**given, **options})


def records(clock: FakeClock, every_s: float, number: int) -> Iterator[BatchRecord]:
    for index in range(number):
        clock.sleep(every_s)
        yield batch_record([0] * 10, batch_index=index)


def test_rate_and_eta_are_there_however_rarely_items_end() -> None:
    clock = FakeClock()
    shown = sums(clock, total=100)
    for _ in shown.observe(records(clock, 300.0, 5)):
        pass
    clock.sleep(30.0)
    assert shown.line(80) == "50% 50/100 1.8/min ETA 27:30"


def test_without_a_number_of_items_the_share_of_the_input_tells_how_far_it_is() -> None:
    clock = FakeClock()
    shares = iter([0.0, 0.1, 0.2])
    share = 0.0

    def share_done() -> float:
        return share

    shown = sums(clock, share_done=share_done)
    for record in shown.observe(records(clock, 10.0, 3)):
        assert record.results
        share = next(shares)
    assert shown.line(80) == "20% 30 1.0/s ETA 2:00"


def test_all_is_not_done_before_the_end() -> None:
    shown = sums(FakeClock(), share_done=lambda: 1.0)
    assert shown.percentage() == "99%"


LINE = "50% 1,000/2,000 1,000 failed 500.0/s ETA 0:02"
SHORTEST = "50% 1,000/2,000 500.0/s ETA 0:02"


def half_done() -> ProgressSums:
    clock = FakeClock()
    shown = ProgressSums("run", 2_000, RunState(), lambda: None, lambda: None, clock)
    failure = ItemFailure("E", "", "")
    failed = batch_record([None] * 1000, failures=dict.fromkeys(range(1000), failure))
    for _ in shown.observe(iter([failed])):
        clock.sleep(2.0)
    return shown


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (48, LINE),
        (44, "50% 1,000/2,000 500.0/s ETA 0:02"),
        (20, "50% 1,000/2,000 500.0/s ETA 0:02"),
    ],
)
def test_a_narrow_terminal_shows_share_number_rate_and_time_left(width: int, line: str) -> None:
    assert half_done().line(width) == line


@pytest.mark.parametrize(
    ("width", "bar", "line"),
    [
        (len(LINE) + 11, 5, LINE),
        (len(LINE) + 10, None, LINE),  # failures are worth more than a bar
        (44, None, SHORTEST),
    ],
)
def test_a_bar_takes_no_room_of_figures(width: int, bar: int | None, line: str) -> None:
    assert half_done().bar_and_line(width) == (bar, line)


def test_at_eighty_columns_there_are_a_bar_and_all_figures() -> None:
    filled, line = half_done().bar_and_line(80 - len("run ") - 4)
    assert filled == 5
    assert line.startswith(f"{LINE} 0 busy, ")


def test_there_is_a_rate_before_anything_is_done_and_no_bar_without_a_share() -> None:
    shown = sums(FakeClock(), total=100)
    assert shown.bar_and_line(80) == (0, "0% 0/100 0.0/s ETA --:--")
    endless = sums(clock := FakeClock())
    for _ in endless.observe(records(clock, 10.0, 2)):
        pass
    assert endless.bar_and_line(80) == (None, "20 1.0/s")


def test_a_line_is_written_above_the_bar_and_not_behind_it() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with Progress("the bar", console=console, transient=True) as bar, lines_above(console):
        bar.add_task("")
        bar.refresh()
        write_line("\x1b[1;35mwarning:\x1b[0m look")
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"the bar.*\r\x1b\[2K.*warning:.* look\n.*the bar", shown, re.DOTALL)
    assert not re.search(r"the bar[^\r\n]*warning", shown)


def test_without_a_bar_a_line_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    write_line("warning: look")
    assert capsys.readouterr() == ("", "warning: look\n")


def pending(path: Path, **options: Any) -> PendingItems:
    source = open_source(f"{path}", **options)
    items = PendingItems(
        source, identity_of(source, None), done=iter(()), limit=None, stop=StopRequest()
    )
    items.on_unreadable = lambda _: None
    return items


def test_a_small_file_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    rows = [f'{n},"{"a,b" * (n % 30)}"\n' for n in range(5_000)]
    path.write_text("id,text\n" + "".join(rows))
    with closing(pending(path)) as items:
        assert items.counted() == items.expected() == 5_000
    packed = tmp_path / "in.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with closing(pending(packed)) as items:
        assert items.counted() == 5_000


def test_of_a_large_file_the_share_is_known(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    lines = ['{"text": "%s"}\n' % ("x" * (n // 100)) for n in range(20_000)]
    path.write_text("".join(lines))
    ends = list(accumulate(map(len, lines)))
    with closing(pending(path)) as items:
        assert (items.counted(), items.share_done()) == (None, None)
        done = 0
        while some := items.take(1000):
            assert (items.share_done() or 0) <= ends[done + len(some) - 1] / ends[-1]
            items.settle(batch_record(some, first_item=done))
            done += len(some)
            assert items.share_done() == pytest.approx(ends[done - 1] / ends[-1], abs=0.01)
    assert done == 20_000
