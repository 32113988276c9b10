"""Reports: finished numbers in, text out, character by character."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchmap_workbook.utils import analysis, reporting
from batchmap_workbook.utils.analysis.records import Case, Recommendation
from batchmap_workbook.utils.execution.trace import Span
from batchmap_workbook.utils.reporting import (
    render_benchmark,
    render_comparison,
    render_parallel,
    render_partial,
)
from tests.fakes import compared, compared_case, failed_item, plan, run_summary

ROOT = Path(__file__).parent.parent

COMPARISON_REPORT = """\
Parallel Batch Processing Performance Report
============================================

Data Summary
- Total items: 4
- Data type: numbers
- Batch size: 1
- Number of batches: 4

Performance Results
- Sequential processing time: 4.00s
- Parallel processing time: 2.50s
- Speedup: 1.60x
- Efficiency: 80.0%

Throughput
- Sequential: 1.0 items/sec
- Parallel: 1.6 items/sec

Correctness
- Results match: ✓
- Sequential errors: 0
- Parallel errors: 1

First failures
- item 3: ValueError: no

Limit
- Reached: ████████████████████████░░░░░░ 1.60x of 2.00x
- Best possible speedup, items taken in order: 2.00x
- Share reached: 80.0%
- Best possible speedup, item times known ahead: 2.00x
- Share reached: 80.0%

Where the Workers Went
- Work: 1.60 of 2 workers (80.0%)
- Slower items: 0.00 of 2 workers (0.0%)
- Start: 0.00 of 2 workers (0.0%)
- Hand-over: 0.40 of 2 workers (20.0%)
- Tail: 0.00 of 2 workers (0.0%)
- Largest loss: hand-over (slow input or output): a worker waited 250.0 ms for
  each batch, far longer than handing one over takes
- Advice: see whether the input comes, and the output goes, as fast as the
  workers are

Other Worker Counts
- 1 worker: 1.00x, 4.00s predicted
- 4 workers: 4.00x, 1.00s predicted
- Stops paying beyond: 4 workers

Plan
- Backend: thread
- Workers: 2
- Backend: as asked for

Conclusion
- Parallel processing gave a significant speedup of 1.60x with 2 workers.
"""


def case(parallel_s: float = 2.5, *, match: bool = True, items: int = 4, **parallel: Any) -> Case:
    before = run_summary(total_processed=items)
    after = run_summary(total_duration=parallel_s, workers=2, failed=1, throughput=1.6, **parallel)
    return compared_case(before, after, comparison=compared(before, after, matches=match))


def test_the_comparison_report_reads_so() -> None:
    assert render_comparison(case(unexpected_failures=(failed_item(3),))) == COMPARISON_REPORT


@pytest.mark.parametrize(
    ("parallel_s", "words"),
    [
        (2.6, "a significant speedup of 1.54x"),
        (2.7, "a moderate speedup of 1.48x"),
        (3.7, "a minimal speedup of 1.08x"),
        (8.0, "a minimal speedup of 0.50x"),
    ],
)
def test_the_conclusion_weighs_the_speedup(parallel_s: float, words: str) -> None:
    report = render_comparison(case(parallel_s))
    assert f"- Parallel processing gave {words} with 2 workers.\n" in report


def test_wrong_results_void_the_speedup() -> None:
    report = render_comparison(case(match=False))
    assert "- Results match: ✗\n" in report
    assert "do not match, so the speedup counts for nothing" in report


def test_nothing_is_concluded_from_no_items() -> None:
    report = render_comparison(case(items=0))
    assert "no items, so there is nothing to compare" in report


def test_the_parallel_report_has_what_applies() -> None:
    alone = replace(case(2.0), comparison=None, sequential=None)
    report = render_parallel(alone, utilisation=0.95)
    assert "- Parallel processing time: 2.00s\n" in report
    assert "Sequential processing" not in report
    assert "Speedup" not in report
    assert "- Share of the workers' time spent on items: 95.0%\n" in report
    assert "- 4 items in 2.00s on 2 workers.\n" in report


def test_the_report_of_an_interrupted_run_says_how_far_each_phase_came() -> None:
    runs = {"sequential": run_summary(), "parallel": run_summary(total_processed=3, failed=1)}
    report = render_partial(plan(), "text", 4, runs)
    assert "Sequential so far\n- Items done: 4 of 4\n" in report
    assert "Parallel so far\n- Items done: 3 of 4\n" in report
    assert (
        "- Interrupted after 4 items in the sequential run and 3 items in the parallel\n  run.\n"
        in report
    )


def test_the_benchmark_is_a_table_and_a_recommendation() -> None:
    result = replace(case(), name="I/O small", diagnosis=None)
    advice = Recommendation("io", "I/O-bound", "thread", 1, 2, "it waits")
    assert render_benchmark([result], [advice]) == (
        "Parallel Batch Processing Benchmark\n"
        "===================================\n"
        "\n"
        "Scenario   Items  Workers  Seq. s  Par. s  Speedup   Eff.  Limit  Match\n"
        "-----------------------------------------------------------------------\n"
        "I/O small      4        2    4.00    2.50    1.60x  80.0%  2.00x      ✓\n"
        "\n"
        "Recommendation\n"
        "- io (I/O-bound): thread backend, 1 worker, batch size 2: it waits\n"
    )


def test_no_line_of_a_report_is_wider_than_eighty_columns() -> None:
    long_plan = plan(why=("Batch size chosen: " + "for a reason " * 20,))
    report = render_comparison(replace(case(), plan=long_plan))
    assert max(map(len, report.splitlines())) <= 80


def span(worker: int, started_s: float, ended_s: float) -> Span:
    return Span(worker, started_s, ended_s, 1, 0, 1, ended_s - started_s, 0, 0, False)


def test_the_timeline_is_shaded_by_how_busy_each_worker_was() -> None:
    half_busy = Span(1, 1.25, 2.5, 2, 0, 2, 0.625, 0, 0, False)
    spans = (span(0, 0.0, 1.25), half_busy)
    trace = replace(case().parallel_trace, spans=spans, wall_s=2.5)
    report = render_comparison(replace(case(), parallel_trace=trace))
    assert (
        "\nTimeline\n"
        f"- Worker 0: {'█' * 30}\n"
        f"- Worker 1: {' ' * 30}{'▒' * 30}\n"
        "- all over 2.50s\n\n"
    ) in report


def test_the_timeline_names_how_many_workers_it_leaves_out() -> None:
    spans = tuple(span(worker, 0.0, 2.5) for worker in range(11))
    trace = replace(case().parallel_trace, workers=11, spans=spans, wall_s=2.5)
    lines = render_comparison(replace(case(), parallel_trace=trace)).splitlines()
    assert f"- Worker 7: {'█' * 60}" in lines
    assert not any(line.startswith("- Worker 8") for line in lines)
    assert "- and 3 more, all over 2.50s" in lines


@pytest.mark.parametrize("package", [analysis, reporting])
def test_every_public_name_of_a_package_can_be_imported(package: Any) -> None:
    assert all(getattr(package, name) is not None for name in package.__all__)
    assert len(set(package.__all__)) == len(package.__all__) == len(package._MODULES)
    with pytest.raises(AttributeError, match="no attribute 'render_pdf'"):
        _ = reporting.render_pdf


def test_showing_a_report_loads_no_other_part_of_the_reports() -> None:
    code = (
        "import sys, batchmap_workbook; batchmap_workbook.isolate(); "
        "from batchmap_workbook.utils.reporting import show; "
        "ours = (name for name in sys.modules if name.startswith('batchmap_workbook.utils.')); "
        "print(*sorted(ours))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert loaded == [
        "batchmap_workbook.utils.reporting",
        "batchmap_workbook.utils.reporting.text",
        "batchmap_workbook.utils.reporting.text.print",
    ]
