"""The report of the benchmark: a table of the scenarios, losses, regressions and advice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from batchmap.command.text_layout import Lines, join_lines, plural, section, title_lines
from batchmap.text import printable

from ...analysis.records import Case, Comparison, Recommendation, Regression, Sweep
from ..wording import seconds
from .layout import table

__all__ = ["render_benchmark"]

TITLE = "Parallel Batch Processing Benchmark"


def render_benchmark(
    cases: Sequence[Case],
    recommendations: Iterable[Recommendation],
    *,
    regressions: Sequence[Regression] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return the report of all scenarios.

    `regressions` are the figures set against an earlier benchmark, `notes` sentences on what could
    not be run or compared.
    """
    head = (
        "Scenario", "Items", "Workers", "Seq. s", "Par. s", "Speedup", "Eff.", "Limit", "Match",
    )  # fmt: skip
    rows = [_scenario_row(case.name, case.comparison) for case in cases if case.comparison]
    advice = (
        f"{one.workload} ({one.kind}): {one.backend} backend, {one.workers} "
        f"{plural('worker', one.workers)}, batch size {one.batch_size}: {one.why}"
        for one in recommendations
    )
    return join_lines(
        [
            *title_lines(TITLE),
            *table(head, rows),
            "",
            *chain.from_iterable(_sweep_table(case.name, case.sweep) for case in cases),
            *_losses_section(cases),
            *_regressions_section(regressions),
            *_warnings_section(cases),
            *(section("Notes", *map(printable, notes)) if notes else ()),
            *section("Recommendation", *map(printable, advice)),
        ]
    )


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
            f"{case.name}: {case.diagnosis.share:.2f} of {case.accounting.workers} workers to "
            f"{case.diagnosis.loss} ({case.diagnosis.cause}): {case.diagnosis.told}; "
            f"{case.diagnosis.advice}"
        )
        for case in cases
        if case.diagnosis is not None
    ]
    return section("Largest Losses", *lines) if lines else []


def _warnings_section(cases: Sequence[Case]) -> Lines:
    lines = [
        printable(f"{case.name}: {warning}")
        for case in cases
        if case.comparison is not None
        for warning in case.comparison.warnings
    ]
    return section("Warnings", *lines) if lines else []


def _regressions_section(regressions: Sequence[Regression]) -> Lines:
    if not regressions:
        return []
    lines = [
        printable(
            f"{one.name}, {one.figure}: {seconds(one.before_s)} before, {seconds(one.now_s)} now, "
            f"{one.ratio:.2f} times{', slower beyond the noise' if one.slower else ''}"
        )
        for one in regressions
    ]
    slower = sum(one.slower for one in regressions)
    lines.append(
        "Nothing got slower beyond the noise"
        if not slower
        else f"{slower} {plural('figure', slower)} got slower beyond the noise"
    )
    return section("Against the Earlier Run", *lines)
