"""Stand-ins for what tests must control: the clock, and executors that do as told."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from batchmap.metrics import RunSummary
from batchmap.records import BatchRecord, ItemFailure, ItemRecord, Plan
from batchmap.run_outcome import RunOutcome

from batchmap_workbook.utils.analysis.comparison import compare_runs
from batchmap_workbook.utils.analysis.given_options import GivenOptions
from batchmap_workbook.utils.analysis.records import Case, Comparison, FailureExample, Verdict
from batchmap_workbook.utils.execution.trace import Environment, Round, Trace


class FakeClock:
    """A clock that moves only when something sleeps, and by exactly that much."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.time_s

    def cpu(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time_s += seconds


def batch_record(
    results: Sequence[Any],
    *,
    batch_index: int = 0,
    first_item: int = 0,
    durations_s: Sequence[float] | None = None,
    failures: dict[int, ItemFailure] | None = None,
    attempts: dict[int, int] | None = None,
    worker: str = "1:1",
    started_s: float = 0.0,
    cpu_s: float = 0.0,
) -> BatchRecord:
    """Return a record with what a test cares about set."""
    durations = durations_s or [1.0] * len(results)
    return BatchRecord(
        batch_index=batch_index,
        first_item=first_item,
        results=results,
        durations_s=array("d", durations),
        failures=failures or {},
        attempts=attempts or {},
        worker=worker,
        started_s=started_s,
        ended_s=started_s + sum(durations),
        cpu_s=cpu_s,
    )


def run_summary(**changes: Any) -> RunSummary:
    """Return the summary of four items of 1 s each, done by one worker, with `changes`."""
    values: dict[str, Any] = {
        "total_processed": 4,
        "successful": 4,
        "failed": 0,
        "success_rate": 1.0,
        "total_duration": 4.0,
        "throughput": 1.0,
        "avg_time_per_item": 1.0,
        "workers": 1,
        "busy_s": 4.0,
        "longest_item_s": 1.0,
        "cpu_s": 0.0,
        "in_order_makespan_s": 2.0,
        "planned_workers": 2,
        "batches": 4,
        "retries": 0,
        "errors_by_type": {},
        "errors": (),
        "unexpected_failures": (),
        "interrupted": False,
    }
    return RunSummary(**{**values, **changes})


def plan(**changes: Any) -> Plan:
    """Return a plan for two threads, with `changes`."""
    values: dict[str, Any] = {
        "backend": "thread",
        "workers": 2,
        "batch_size": 1,
        "num_batches": 4,
        "why": ("Backend: as asked for",),
    }
    return Plan(**{**values, **changes})


def run_outcome(**changes: Any) -> RunOutcome:
    """Return what became of 95 items of the user's, with `changes`."""
    values: dict[str, Any] = {
        "written": 95,
        "failed": 0,
        "written_before": 0,
        "failed_before": 0,
        "errors": (),
        "output": "out.jsonl",
        "errors_file": "out.jsonl.errors.jsonl",
        "finished": True,
        "halted": False,
    }
    return RunOutcome(**{**values, **changes})


def failed_item(index: int, error: str = "no") -> ItemRecord:
    """Return the record of an item that raised `ValueError(error)`."""
    return ItemRecord(index, None, ItemFailure("ValueError", error, ""), 1, 0.0)


def run_trace(run: RunSummary, **changes: Any) -> Trace:
    """Return a trace of `run`: alike items, and all that is not work is hand-over."""
    values: dict[str, Any] = {
        "workers": run.workers,
        "wall_s": run.total_duration,
        "spans": (),
        "start_s": 0.0,
        "hand_over_s": run.workers * run.total_duration - run.busy_s,
        "tail_s": 0.0,
        "longest_batch_s": 1.0,
        "longest_batch_items": 1,
        "longest_item": 0,
        "item_times_s": array("d", [run.avg_time_per_item] * run.total_processed),
        "items_a_time": 1,
        "surroundings": Environment(),
    }
    return Trace(**{**values, **changes})


def compared(
    sequential: RunSummary, parallel: RunSummary, *, matches: bool = True, **changes: Any
) -> Comparison:
    """Return the comparison of two runs on two planned workers of two cores, with `changes`."""
    runs = Round(sequential, parallel, run_trace(sequential), run_trace(parallel))
    values: dict[str, Any] = {
        "data_type": "numbers",
        "plan": plan(),
        "usable_cores": 2,
        "capacity": None,
        "verdict": Verdict(matches, 0 if matches else 1, (), None),
        "given": GivenOptions(),
    }
    return compare_runs([runs], **{**values, **changes})


def compared_case(
    sequential: RunSummary,
    parallel: RunSummary,
    *,
    comparison: Comparison | None = None,
    **changes: Any,
) -> Case:
    """Return all that a report tells of two runs, with `changes`."""
    comparison = comparison or compared(sequential, parallel)
    values: dict[str, Any] = {
        "name": "compare",
        "workload": "number",
        "data_type": "numbers",
        "plan": plan(),
        "sequential": sequential,
        "parallel": parallel,
        "sequential_trace": run_trace(sequential),
        "parallel_trace": run_trace(parallel),
        "comparison": comparison,
        "accounting": comparison.accounting,
        "diagnosis": comparison.diagnosis,
        "failures": tuple(
            FailureExample(f"item {item.index}", item.failure.error_type, item.failure.error)
            for item in parallel.unexpected_failures
            if item.failure is not None
        ),
    }
    return Case(**{**values, **changes})
