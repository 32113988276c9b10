"""The report of the benchmark: a table of the scenarios, losses, regressions and advice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from batchmap.command.text_layout import (
    Lines,
    cut,
    join_lines,
    plural,
    section,
    title_lines,
    wrapped,
)
from batchmap.text import printable

from ...analysis.benchmark_records import Recommendation, Regression, Sweep
from ...analysis.gate import GateResult
from ...analysis.records import Case, Comparison
from ..verdict import benchmark_notices, benchmark_verdict, share_of_loss
from ..wording import seconds
from .gate import gate_section
from .layout import table

__all__ = ["benchmark_warnings", "render_benchmark"]

TITLE = "Parallel Batch Processing Benchmark"

NAME_WIDTH = 18
"""Characters of a scenario's name in the short report, so that its row fits 80 columns."""


def render_benchmark(
    cases: Sequence[Case],
    recommendations: Iterable[Recommendation],
    *,
    details: bool,
    regressions: Sequence[Regression] = (),
    gate: GateResult | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Return the report of all scenarios, short or with all `details`.

    `regressions` are the figures set against an earlier benchmark, which the short one leaves to
    `gate`, where there is one; `notes` sentences on what could
    not be run or compared. The short one has what was measured, a row each, and what to use.
    """
    advice = [_recommendation(one, with_reason=details) for one in recommendations]
    recommendation = section("Recommendation", *advice)
    told_notes = section("Notes", *map(printable, notes)) if notes else []
    if not details:
        sections = (
            *map(cut, _speedups_table(cases)),
            *(
                _regressions_section([one for one in regressions if one.slower], regressions)
                if gate is None
                else gate_section(gate, details=False)
            ),
            *told_notes,
            *recommendation,
        )
        return join_lines(
            [
                TITLE,
                cut(benchmark_verdict(cases)),
                *chain.from_iterable(map(_notice_rows, benchmark_notices(cases))),
                "",
                *_scenarios_table(cases, width=NAME_WIDTH),
                "",
                *filter(None, sections),
            ]
        )
    warnings = benchmark_warnings(cases)
    return join_lines(
        [
            *title_lines(TITLE),
            *wrapped(benchmark_verdict(cases)),
            "",
            *_scenarios_table(cases, width=None),
            "",
            *chain.from_iterable(_sweep_table(case.name, case.sweep) for case in cases),
            *_losses_section(cases),
            *_regressions_section(regressions, regressions),
            *(gate_section(gate, details=True) if gate is not None else ()),
            *(section("Warnings", *warnings) if warnings else ()),
            *told_notes,
            *recommendation,
        ]
    )


def benchmark_warnings(cases: Sequence[Case]) -> list[str]:
    """Return what makes the figures less trustworthy, each with the scenario that it is about."""
    return [
        printable(f"{case.name}: {warning}")
        for case in cases
        if case.comparison is not None
        for warning in case.comparison.warnings
    ]


def _recommendation(one: Recommendation, *, with_reason: bool) -> str:
    return printable(
        f"{one.workload} ({one.kind}): {one.backend} backend, {one.workers} "
        f"{plural('worker', one.workers)}, batch size {one.batch_size}"
        + (f": {one.why}" if with_reason else "")
    )


def _scenarios_table(cases: Sequence[Case], *, width: int | None) -> Lines:
    head = (
        "Scenario", "Items", "Workers", "Seq. s", "Par. s", "Speedup", "Eff.", "Limit", "Match",
    )  # fmt: skip
    return table(
        head,
        [
            _scenario_row(case.name if width is None else cut(case.name, width), case.comparison)
            for case in cases
            if case.comparison
        ],
    )


def _notice_rows(notice: str) -> Lines:
    return wrapped(notice, most=2)


def _speedups_table(cases: Sequence[Case]) -> Lines:
    """Return the speedup at each worker count, a row a scenario; empty without a sweep."""
    measured = {
        case.name: {point.workers: f"{point.speedup:.2f}x" for point in case.sweep.points}
        for case in cases
        if case.sweep is not None
    }
    counts = sorted({workers for by_workers in measured.values() for workers in by_workers})
    rows = [
        (cut(printable(name), NAME_WIDTH), *(by_workers.get(workers, "–") for workers in counts))
        for name, by_workers in measured.items()
    ]
    return table(("Workers", *map(str, counts)), rows) if rows else []


def _scenario_row(name: str, comparison: Comparison) -> tuple[str, ...]:
    return (
        printable(name),
        str(comparison.total_items),
        str(comparison.workers),
        f"{comparison.sequential_time:.2f}",
        f"{comparison.parallel_time:.2f}",
        f"{comparison.speedup:.2f}x",
        f"{comparison.efficiency:.1%}",
        f"{comparison.limit:.2f}x",
        "✓" if comparison.results_match else "✗",
    )


def _sweep_table(name: str, sweep: Sweep | None) -> Lines:
    if sweep is None:
        return []
    rows = [
        (
            str(point.workers),
            f"{point.time_s:.2f}",
            f"{point.speedup:.2f}x",
            f"{point.efficiency:.1%}",
            f"{point.share_of_limit:.1%}",
            f"{point.fitted:.2f}x",
        )
        for point in sweep.points
    ]
    best = "there is no peak" if sweep.best_workers is None else f"best at {sweep.best_workers}"
    return [
        printable(f"{name} by Workers"),
        *table(("Workers", "Par. s", "Speedup", "Eff.", "Of limit", "Fitted"), rows),
        f"- Serial share {sweep.serial_share:.2%}, crosstalk {sweep.crosstalk:.3%}; {best}",
        "",
    ]


def _losses_section(cases: Sequence[Case]) -> Lines:
    lines = [
        printable(
            f"{case.name}: {share_of_loss(case, case.diagnosis)} to "
            f"{case.diagnosis.loss} ({case.diagnosis.cause}): {case.diagnosis.told}; "
            f"{case.diagnosis.advice}"
        )
        for case in cases
        if case.diagnosis is not None
    ]
    return section("Largest Losses", *lines) if lines else []


def _regressions_section(shown: Sequence[Regression], all_of_them: Sequence[Regression]) -> Lines:
    """Return the figures of `shown` beside those before, and how many of all got slower."""
    if not all_of_them:
        return []
    lines = [
        printable(
            f"{one.name}, {one.figure}: {seconds(one.before_s)} before, {seconds(one.now_s)} now, "
            f"{one.ratio:.2f} times{', slower beyond the noise' if one.slower else ''}"
        )
        for one in shown
    ]
    slower = sum(one.slower for one in all_of_them)
    lines.append(
        "Nothing got slower beyond the noise"
        if not slower
        else f"{slower} {plural('figure', slower)} got slower beyond the noise"
    )
    return section("Against the Earlier Run", *lines)
