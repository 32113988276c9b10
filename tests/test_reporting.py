"""Reports: finished numbers in, text out, character by character."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from batchmap.command.summary import workers_in_words

from batchmap_workbook.utils import analysis, reporting
from batchmap_workbook.utils.analysis.benchmark_records import Recommendation
from batchmap_workbook.utils.analysis.records import Case
from batchmap_workbook.utils.execution.trace import Span
from batchmap_workbook.utils.reporting import (
    render_benchmark,
    render_comparison,
    render_parallel,
    render_partial,
)
from batchmap_workbook.utils.reporting.verdict import benchmark_verdict
from tests import fakes_report
from tests.fakes import compared, compared_case, failed_item, plan, run_summary

ROOT = Path(__file__).parent.parent

SHORT_REPORT = """\
Parallel Batch Processing Performance Report
1.60x faster on 2 threads, 80.0% of what was possible; results match
Largest loss: hand-over (slow input or output), 0.40 of 2 workers lost: see
whether input and output keep up with the workers
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
- Limit: 2.00x, 80.0% of it reached
Throughput
- Sequential: 1.0 items/sec
- Parallel: 1.6 items/sec
Correctness
- Results match: ✓
- Sequential errors: 0
- Parallel errors: 1
Conclusion
- Parallel processing gave a significant speedup of 1.60x with 2 workers.
"""

WHOLE_REPORT = """\
Parallel Batch Processing Performance Report
============================================

1.60x faster on 2 threads, 80.0% of what was possible; results match
Largest loss: hand-over (slow input or output), 0.40 of 2 workers lost: see
whether input and output keep up with the workers
First failure: item 3: ValueError: no

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
- Limit: 2.00x, 80.0% of it reached

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
- Advice: see whether input and output keep up with the workers

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


def test_the_short_report_reads_so_and_fits_a_terminal() -> None:
    report = render_comparison(case(unexpected_failures=(failed_item(3),)), details=False)
    assert report == SHORT_REPORT
    assert len(report.splitlines()) == 24


def test_the_whole_report_reads_so() -> None:
    report = render_comparison(case(unexpected_failures=(failed_item(3),)), details=True)
    assert report == WHOLE_REPORT


def test_what_the_short_report_says_the_whole_one_says_alike() -> None:
    short, whole = (render_comparison(case(), details=details) for details in (False, True))
    assert [line for line in short.splitlines() if line not in whole.splitlines()] == []


@pytest.mark.parametrize("details", [False, True])
@pytest.mark.parametrize(
    ("parallel_s", "verdict", "words"),
    [
        (2.6, "1.54x faster", "a significant speedup of 1.54x"),
        (2.7, "1.48x faster", "a moderate speedup of 1.48x"),
        (3.7, "No faster (1.08x)", "a minimal speedup of 1.08x"),
        (8.0, "Slower (0.50x)", "a minimal speedup of 0.50x"),
    ],
)
def test_verdict_and_conclusion_weigh_the_speedup(
    parallel_s: float, verdict: str, words: str, details: bool
) -> None:
    report = render_comparison(case(parallel_s), details=details)
    assert f"\n{verdict} on 2 threads, " in report
    assert f"- Parallel processing gave {words} with 2 workers.\n" in report


@pytest.mark.parametrize(
    ("backend", "number", "words"),
    [
        ("thread", 1, "1 thread"),
        ("process", 4, "4 processes"),
        ("async", 1000, "1,000 coroutines"),
        ("dask", 2, "2 Dask workers"),
        ("sequential", 1, "1 worker"),
    ],
)
def test_a_verdict_names_what_the_workers_are(backend: str, number: int, words: str) -> None:
    assert workers_in_words(backend, number) == words


def test_batches_of_several_sizes_are_told_by_their_mean_as_well() -> None:
    even, uneven = (
        replace(case(batches=batches), plan=plan(batch_size=2, num_batches=batches))
        for batches in (2, 3)
    )
    for details in (False, True):
        assert "\n- Batch size: 2\n" in render_comparison(even, details=details)
        assert "\n- Batch size: 2 (1.3 on average)\n- Number of batches: 3\n" in (
            render_comparison(uneven, details=details)
        )


def test_an_option_in_an_advice_is_never_parted_at_its_hyphens() -> None:
    loss = case().diagnosis
    assert loss is not None
    for length in range(40, 80):
        advice = f"{'x' * length} use --batch-size auto"
        for details in (False, True):
            advised = replace(case(), diagnosis=replace(loss, advice=advice))
            report = render_comparison(advised, details=details)
            assert "--batch-\n" not in report
            assert "--batch- …" not in report


def test_a_short_report_leaves_a_row_where_nothing_else_has_to_be_said() -> None:
    rows = render_comparison(replace(case(), diagnosis=None), details=False).splitlines()
    assert rows[1:4] == [
        "1.60x faster on 2 threads, 80.0% of what was possible; results match", "", "Data Summary",
    ]  # fmt: skip
    failing = case(unexpected_failures=(failed_item(3), failed_item(4)))
    rows = render_comparison(replace(failing, diagnosis=None), details=False).splitlines()
    assert rows[2:4] == ["First failure: item 3: ValueError: no", ""]


@pytest.mark.parametrize("text", ["x" * 300, "some words " * 50, "one\n- Speedup: 9.99x\x1b[2J"])
@pytest.mark.parametrize("match", [True, False])
def test_whatever_data_hold_a_short_report_fits_24_lines_of_80_columns(
    text: str, match: bool
) -> None:
    hostile = fakes_report.hostile_case(text)
    assert hostile.comparison is not None
    compared = replace(
        hostile.comparison, results_match=match, speedup=1234.56, workers=4096, data_type=text
    )
    for one in (replace(hostile, comparison=compared), replace(hostile, comparison=None)):
        render = render_parallel if one.comparison is None else render_comparison
        lines = render(one, details=False).splitlines()
        assert len(lines) <= 24
        assert max(map(len, lines)) <= 80
        assert not any(line.startswith("- Speedup: 9.99x") for line in lines)


def test_wrong_results_void_the_speedup() -> None:
    report = render_comparison(case(match=False), details=False)
    assert report.splitlines()[1] == (
        "1 of 4 items differs, so the speedup of 1.60x counts for nothing"
    )
    assert "- Results match: ✗\n" in report
    assert "do not match, so the speedup counts for nothing" in report


def test_the_first_difference_and_its_cause_stand_before_all_figures() -> None:
    found = fakes_report.differing("one", "two")
    compared = fakes_report.comparison(results_match=False, verdict=found)
    rows = render_comparison(fakes_report.case(comparison=compared), details=False).splitlines()
    assert rows[1:4] == [
        "2 of 100 items differ, so the speedup of 7.59x counts for nothing",
        "Why: The results hold sets, whose order is chance.",
        "items.jsonl line 1: sequential one, parallel eno",
    ]


def test_items_that_failed_in_one_run_only_void_the_speedup_too() -> None:
    found = replace(fakes_report.differing("x"), failed_in_parallel_only=1)
    compared = fakes_report.comparison(results_match=False, verdict=found)
    report = render_comparison(fakes_report.case(comparison=compared), details=False)
    assert "\n1 of 100 items failed in one run only, so the speedup of 7.59x counts" in report
    assert "- 1 item failed in one run only, so the speedup counts for nothing.\n" in report


def test_nothing_is_concluded_from_no_items() -> None:
    report = render_comparison(case(items=0), details=False)
    assert "\nThere were no items, so there was nothing to compare\n" in report
    assert "no items, so there is nothing to compare" in report


@pytest.mark.parametrize("details", [False, True])
def test_the_parallel_report_has_what_applies(details: bool) -> None:
    alone = replace(
        case(2.0), comparison=None, sequential=None, accounting=fakes_report.time_breakdown(
            workers=2, work=1.9
        ),
    )  # fmt: skip
    report = render_parallel(alone, details=details)
    assert "\n4 items in 2.00s on 2 threads, at work 95.0% of the time\n" in report
    assert "- Parallel processing time: 2.00s\n" in report
    assert "Sequential processing" not in report
    assert "Speedup" not in report
    assert "- Share of the workers' time spent on items: 95.0%\n" in report
    assert "- 4 items in 2.00s on 2 workers.\n" in report


def test_the_report_of_an_interrupted_run_says_how_far_each_phase_came() -> None:
    runs = {"sequential": run_summary(), "parallel": run_summary(total_processed=3, failed=1)}
    report = render_partial(plan(), "text", 4, runs)
    assert (
        "\nInterrupted after 4 items in the sequential run and 3 items in the parallel run\n"
    ) in report
    assert "Sequential so far\n- Items done: 4 of 4\n" in report
    assert "Parallel so far\n- Items done: 3 of 4\n" in report
    assert (
        "- Interrupted after 4 items in the sequential run and 3 items in the parallel\n  run.\n"
        in report
    )


def test_the_benchmark_is_a_table_and_a_recommendation() -> None:
    result = replace(case(), name="I/O small")
    advice = Recommendation("io", "I/O-bound", "thread", 1, 2, "it waits")
    assert render_benchmark([result], [advice], details=False) == (
        "Parallel Batch Processing Benchmark\n"
        "1.60x faster on 2 threads, 80.0% of what was possible; results match\n"
        "Largest loss: I/O small: hand-over (slow input or output), 0.40 of 2 workers\n"
        "lost: see whether input and output keep up with the workers\n"
        "\n"
        "Scenario   Items  Workers  Seq. s  Par. s  Speedup   Eff.  Limit  Match\n"
        "-----------------------------------------------------------------------\n"
        "I/O small      4        2    4.00    2.50    1.60x  80.0%  2.00x      ✓\n"
        "\n"
        "Recommendation\n"
        "- io (I/O-bound): thread backend, 1 worker, batch size 2\n"
    )
    whole = render_benchmark([result], [advice], details=True)
    assert "- I/O small: 0.40 of 2 workers lost to hand-over (slow input or output): " in whole
    assert "- io (I/O-bound): thread backend, 1 worker, batch size 2: it waits\n" in whole


def test_the_verdict_on_a_benchmark_has_its_range_and_what_did_not_match() -> None:
    some = [replace(case(2.0), name="a"), replace(case(), name="b")]
    assert benchmark_verdict(some) == (
        "2 scenarios: 1.60x to 2.00x as fast, at least 80.0% of the limit; results match"
    )
    wrong = [*some, replace(case(match=False), name="c")]
    assert benchmark_verdict(wrong) == "Results do not match in 1 of 3 scenarios: c"
    assert benchmark_verdict([]) == "Nothing was compared"


def test_a_short_benchmark_of_many_worker_counts_fits_a_terminal() -> None:
    cases = [replace(one, sweep=fakes_report.sweep()) for one in fakes_report.benchmark_cases()]
    advice = [fakes_report.recommendation()] * 3
    report = render_benchmark(cases, advice, regressions=fakes_report.regressions(), details=False)
    lines = report.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "- 1 figure got slower beyond the noise" in lines
    assert "by Workers\nWorkers" in render_benchmark(cases, advice, details=True)


def test_no_line_of_a_report_is_wider_than_eighty_columns() -> None:
    long_plan = plan(why=("Batch size chosen: " + "for a reason " * 20,))
    report = render_comparison(replace(case(), plan=long_plan), details=True)
    assert max(map(len, report.splitlines())) <= 80


def span(worker: int, started_s: float, ended_s: float) -> Span:
    return Span(worker, started_s, ended_s, 1, 0, 1, ended_s - started_s, 0, 0, False)


def test_the_timeline_is_shaded_by_how_busy_each_worker_was() -> None:
    half_busy = Span(1, 1.25, 2.5, 2, 0, 2, 0.625, 0, 0, False)
    spans = (span(0, 0.0, 1.25), half_busy)
    trace = replace(case().parallel_trace, spans=spans, wall_s=2.5)
    report = render_comparison(replace(case(), parallel_trace=trace), details=True)
    assert (
        "\nTimeline\n"
        f"- Worker 0: {'█' * 30}\n"
        f"- Worker 1: {' ' * 30}{'▒' * 30}\n"
        "- all over 2.50s\n\n"
    ) in report


def test_the_timeline_names_how_many_workers_it_leaves_out() -> None:
    spans = tuple(span(worker, 0.0, 2.5) for worker in range(11))
    trace = replace(case().parallel_trace, workers=11, spans=spans, wall_s=2.5)
    lines = render_comparison(replace(case(), parallel_trace=trace), details=True).splitlines()
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
