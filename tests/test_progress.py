"""Progress: records pass through, and lines on stderr say how far the run is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from batchmap.command.progress import ProgressObserver
from batchmap.records import BatchRecord

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
        "parallel: 30/40 items, 5.0 items/s, ETA 2 s\nparallel: 40/40 items, 5.0 items/s\n",
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
