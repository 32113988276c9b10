"""Made-up cases for the tests of reports: small ones, and large ones that look like real runs."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from batchmap.command.provenance import Provenance

from batchmap_workbook.utils.analysis.benchmark_records import (
    Recommendation,
    Regression,
    Sweep,
    SweepPoint,
)
from batchmap_workbook.utils.analysis.records import (
    Bottleneck,
    Case,
    Comparison,
    FailureExample,
    Mismatch,
    Prediction,
    Spread,
    TimeBreakdown,
    Verdict,
)
from batchmap_workbook.utils.execution.trace import RoundsEnvironment
from batchmap_workbook.utils.reporting.contents import ReportContents
from batchmap_workbook.utils.reporting.verdict import benchmark_verdict, verdict
from tests.fakes import plan, run_summary
from tests.fakes_trace import trace

MACHINE = {
    "usable_cores": 8,
    "logical_cores": 16,
    "memory_bytes": 34_359_738_368,
    "python": "3.12.4",
    "system": "Linux",
    "architecture": "x86_64",
}
SETTINGS = {"count": 100, "workers": 8, "backend": None, "quiet": False, "input": "data/*.jsonl"}


PROVENANCE = Provenance(
    command_line="python main.py compare 100 8",
    host="ada",
    version="1.0.0",
    started="2026-01-02T03:04:05.678+00:00",
    ended="2026-01-02T03:05:06.789+00:00",
)


def contents(*cases: Case, **changes: Any) -> ReportContents:
    """Return what a report on `cases` is made of, with `changes`."""
    values: dict[str, Any] = {
        "verdict": verdict(cases[0]) if len(cases) == 1 else benchmark_verdict(cases),
        "provenance": PROVENANCE,
        "settings": SETTINGS,
        "changed": {"count", "workers", "input"},
        "machine": MACHINE,
        "cases": cases,
    }
    return ReportContents(**{**values, **changes})


def spread(*values: float) -> Spread:
    """Return the spread of values given in order."""
    return Spread(sorted(values)[len(values) // 2], min(values), max(values), values)


def time_breakdown(**changes: Any) -> TimeBreakdown:
    """Return what the time of eight workers went into, with `changes`."""
    values: dict[str, Any] = {
        "workers": 8,
        "wall_s": 6.6,
        "work": 7.1,
        "slower_items": 0.31,
        "start": 0.09,
        "hand_over": 0.12,
        "tail": 0.38,
    }
    return TimeBreakdown(**{**values, **changes})


def bottleneck() -> Bottleneck:
    """Return a largest loss at the end of a run."""
    return Bottleneck(
        "tail",
        0.38,
        "long last batches",
        "0.38 of 8 workers waited at the end for the batch at items 96 and on, which took 1.10 s.",
        "Use smaller batches: --batch-size 1.",
    )


def matching() -> Verdict:
    """Return the verdict of two runs that gave the same."""
    return Verdict(True, 0, (), None)


def differing(*texts: str) -> Verdict:
    """Return the verdict of two runs that differ in an item for each of `texts`."""
    differences = tuple(
        Mismatch(index, f"items.jsonl line {index + 1}", text, text[::-1])
        for index, text in enumerate(texts)
    )
    return Verdict(False, len(texts), differences, "The results hold sets, whose order is chance.")


def comparison(**changes: Any) -> Comparison:
    """Return a comparison of a hundred items on eight workers, with `changes`."""
    values: dict[str, Any] = {
        "total_items": 100,
        "data_type": "numbers",
        "sequential_time": 50.1,
        "parallel_time": 6.6,
        "speedup": 7.59,
        "workers": 8,
        "efficiency": 0.949,
        "limit": 7.82,
        "share_of_limit": 0.971,
        "limit_any_order": 7.96,
        "share_of_limit_any_order": 0.954,
        "machine_capacity": None,
        "results_match": True,
        "verdict": matching(),
        "sequential_throughput": 2.0,
        "parallel_throughput": 15.2,
        "errors": {"sequential": 5, "parallel": 5},
        "accounting": time_breakdown(),
        "diagnosis": bottleneck(),
        "predictions": tuple(
            Prediction(workers, 1, 50.1 / speedup, speedup)
            for workers, speedup in (
                (1, 0.99), (2, 1.98), (4, 3.93), (8, 7.62), (16, 14.2), (32, 24.1), (64, 33.0),
            )
        ),
        "stops_paying_at": 64,
        "best_batch_size": Prediction(8, 2, 6.51, 7.7),
        "sequential_times": spread(50.1),
        "parallel_times": spread(6.6),
        "speedups": spread(7.59),
        "environment": RoundsEnvironment(0.1, 0.2, 0.001),
        "warnings": (),
    }  # fmt: skip
    return Comparison(**{**values, **changes})


def sweep() -> Sweep:
    """Return what was measured with 1 to 32 workers, past the peak of the fit."""
    measured = ((1, 1.0), (2, 1.93), (4, 3.6), (8, 6.1), (12, 7.15), (16, 7.4), (32, 6.2))
    serial_share, crosstalk = 0.018, 0.0031
    points = tuple(
        SweepPoint(
            workers,
            50.1 / speedup,
            speedup,
            speedup / workers,
            min(workers, 15.5),
            speedup / min(workers, 15.5),
            workers / (1 + serial_share * (workers - 1) + crosstalk * workers * (workers - 1)),
        )
        for workers, speedup in measured
    )
    return Sweep(points, serial_share, crosstalk, 18)


def case(**changes: Any) -> Case:
    """Return a comparison of a workload that waits, with `changes`."""
    compared = changes.pop("comparison", comparison())
    values: dict[str, Any] = {
        "name": "compare",
        "workload": "io",
        "data_type": "numbers",
        "plan": plan(
            workers=8,
            num_batches=100,
            why=(
                "Backend: threads, as the items wait and use no CPU",
                "Workers: 8, as asked for",
                "Batch size: 1, as an item takes far longer than handing it over",
            ),
            predicted_s=6.5,
        ),
        "sequential": None if compared is None else run_summary(total_duration=50.1),
        "parallel": run_summary(
            total_processed=100,
            successful=95,
            failed=5,
            success_rate=0.95,
            total_duration=6.6,
            throughput=15.2,
            avg_time_per_item=0.5,
            workers=8,
            batches=100,
            retries=4,
            errors_by_type={"SimulatedError": 3, "TimeoutError": 2},
        ),
        "sequential_trace": None,
        "parallel_trace": trace(),
        "comparison": compared,
        "accounting": time_breakdown() if compared is None else compared.accounting,
        "diagnosis": bottleneck() if compared is None else compared.diagnosis,
        "failures": (FailureExample("items.jsonl line 12", "TimeoutError", "no answer in 5 s"),),
    }
    return Case(**{**values, **changes})


def coroutines() -> Case:
    """Return a case of 2,000 coroutines, which begin and end within a tenth of the time."""
    levels = array("d", [1000.0, *[2000.0] * 8, 500.0])
    ran = replace(
        case().parallel_trace, spans=(), workers=2000, in_flight=levels, in_flight_interval_s=0.5,
        wall_s=5.0,
    )  # fmt: skip
    return case(parallel_trace=ran)


def hostile_case(text: str) -> Case:
    """Return a case with `text` wherever text can come from data."""
    compared = comparison(
        results_match=False,
        verdict=replace(differing(text), differences=(Mismatch(0, text, text, text),), why=text),
        warnings=(text,),
        diagnosis=Bottleneck(text, 0.5, text, text, text),
    )
    return case(
        name=text,
        workload=text,
        data_type=text,
        comparison=compared,
        plan=plan(backend=text, why=(text,)),
        parallel=run_summary(failed=2, errors_by_type={text: 2}),
        failures=(FailureExample(text, text, text),),
        diagnosis=compared.diagnosis,
    )


def benchmark_cases() -> Sequence[Case]:
    """Return cases as a benchmark has them, one of them with many workers and spans."""
    faster = time_breakdown(workers=4, wall_s=2.2, work=4.31, slower_items=-0.6, tail=0.08)
    rounds = comparison(
        workers=4,
        accounting=faster,
        machine_capacity=3.41,
        speedup=3.2,
        limit=3.41,
        share_of_limit=0.938,
        efficiency=0.8,
        speedups=spread(3.1, 3.2, 3.4),
        sequential_times=spread(7.1, 7.0, 7.3),
        parallel_times=spread(2.3, 2.2, 2.15),
        warnings=("The rounds lie 9 % apart: something else was at work on the machine.",),
    )
    crowd = trace(workers=64, batches=2000, batch_size=5, item_s=0.01, seed=3)
    return (
        case(name="I/O, 100 items"),
        case(name="Numbers, 4 processes", comparison=rounds, sweep=sweep(), workload="number"),
        case(
            name="Text with a rather long name, 10,000 items on 64 threads",
            workload="text",
            parallel_trace=replace(
                crowd, item_times_s=array("d", (one**3 * 1000 for one in crowd.item_times_s))
            ),
            comparison=comparison(
                workers=64, accounting=time_breakdown(workers=64, work=58.0, tail=4.1)
            ),
        ),
    )


def recommendation(text: str = "it waits, and threads cost least") -> Recommendation:
    """Return an advice with `text` as its reason."""
    return Recommendation("io", "waiting", "thread", 32, 1, text)


def regressions(name: str = "I/O, 100 items") -> tuple[Regression, ...]:
    """Return a figure that got slower and one that did not."""
    return (
        Regression(name, "parallel time", 6.6, 8.1, 1.23, 1.06, True),
        Regression("Numbers, 4 processes", "parallel time", 2.2, 2.2, 1.0, 1.11, False),
    )
