"""Of what was handed to workers ahead, nothing begins once a run is to stop."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from batchmap import UsageError, run
from batchmap.executors import open_executor
from batchmap.records import Batch
from batchmap.scheduling.scheduler import BatchScheduler
from batchmap.stopping import StopRequest, Urgency
from batchmap.worker.processor import BatchProcessor


def _wait_at_gate(item: Any) -> str:
    """Say through `up` that the first item has begun, and wait until somebody writes to `go`."""
    up, go, number = item
    if number == 0:
        Path(up).write_text("here")
        Path(go).read_text()
    return str(number)


def test_workers_end_their_batch_at_the_item_that_runs_and_begin_no_other(tmp_path: Path) -> None:
    up, go = tmp_path / "up", tmp_path / "go"
    os.mkfifo(up)
    os.mkfifo(go)
    items = [(f"{up}", f"{go}", number) for number in range(6)]
    batches = [Batch(n, 2 * n, items[2 * n : 2 * n + 2]) for n in range(3)]
    stop = StopRequest()
    results: list[Any] = []
    with open_executor("process", 1, stop=stop) as executor:
        scheduler = BatchScheduler(
            executor, BatchProcessor(_wait_at_gate).process, batches, max_in_flight=2, stop=stop
        )

        def collect() -> None:
            for record in scheduler.records():
                results.extend(record.results)

        thread = threading.Thread(target=collect)
        thread.start()
        up.read_text()
        stop.request(Urgency.DRAIN)
        executor.begin_no_more()  # as the scheduler does as well, some time
        go.write_text("")
        thread.join(60)
    assert results == ["0"]


@pytest.mark.parametrize("unordered", [True, False])
@pytest.mark.parametrize("backend", ["thread", "process"])
def test_halt_now_gives_up_the_items_that_run(
    backend: str, unordered: bool, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    other = tmp_path / "other"
    os.mkfifo(other)

    def function(item: int) -> int:
        if item == 1:  # in input order, its turn does not come
            other.read_text()
            raise ValueError("no")
        other.write_text("here")
        return len(go.read_text())

    outcome = run(
        function,
        range(2),
        tmp_path / "out.jsonl",
        halt=1,
        halt_now=True,
        backend=backend,
        workers=2,
        unordered=unordered,
    )
    assert (outcome.halted, outcome.failed, outcome.written) == (True, 1, 0)
    assert (tmp_path / "out.jsonl.errors.jsonl").read_text().count('"index": 1') == 1
    if backend == "thread":  # which cannot be killed
        go.write_text("")


def test_halt_now_goes_with_halt(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give halt"):
        run(str, [1], tmp_path / "out.jsonl", halt_now=True)
