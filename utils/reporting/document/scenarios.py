"""The chapter of a benchmark on all its cases: their table, what to use, and what got slower."""

from __future__ import annotations

from collections.abc import Sequence

from batchmap.command.text_layout import plural

from ...analysis.benchmark_records import Recommendation, Regression
from ...analysis.gate import GateResult
from ...analysis.records import Case
from ..contents import ReportContents
from ..wording import bounds, change, percentage, seconds
from .model import Block, Bullets, Chapter, Paragraph, Section, Table

__all__ = ["overview_chapter"]


def overview_chapter(contents: ReportContents, anchors: Sequence[str]) -> Chapter | None:
    """Return what concerns all cases, with chapters at `anchors`; `None` where nothing does."""
    sections = [
        Section(title, tuple(blocks))
        for title, blocks in (
            ("All cases", _all_cases(contents.cases, anchors)),
            ("Recommendations", _recommendations(contents.recommendations)),
            ("Against an earlier run", _regressions(contents.regressions)),
            ("Gate", _gate(contents.gate)),
            ("Notes", [Bullets(tuple(contents.notes))] if contents.notes else []),
        )
        if blocks
    ]
    return Chapter("overview", "Overview", "", tuple(sections)) if sections else None


def _all_cases(cases: Sequence[Case], anchors: Sequence[str]) -> list[Block]:
    if len(cases) < 2:
        return []
    return [
        Table(
            caption="All cases",
            head=(
                "Case",
                "Items",
                "Workers",
                "Sequential",
                "Parallel",
                "Speedup",
                "Efficiency",
                "Of the limit",
                "Match",
                "Largest loss",
            ),
            rows=tuple(map(_case_row, cases)),
            align="wrrrrrrrll",
            links=tuple(anchors),
        )
    ]


def _case_row(case: Case) -> tuple[str, ...]:
    compared, run = case.comparison, case.parallel
    loss = case.diagnosis.loss if case.diagnosis else "–"
    items = f"{run.total_processed:,}"
    if compared is None:
        parallel = seconds(run.total_duration)
        return (case.name, items, str(run.workers), "–", parallel, "–", "–", "–", "–", loss)
    return (
        case.name,
        items,
        str(compared.workers),
        seconds(compared.sequential_time),
        seconds(compared.parallel_time),
        f"{compared.speedup:.2f}x",
        f"{compared.efficiency:.1%}",
        f"{compared.share_of_limit:.1%}",
        "✓" if compared.results_match else "✗",
        loss,
    )


def _recommendations(recommendations: Sequence[Recommendation]) -> list[Block]:
    if not recommendations:
        return []
    return [
        Table(
            caption="What to use on this machine",
            head=("Workload", "Bound by", "Backend", "Workers", "Batch size", "Why"),
            rows=tuple(
                (
                    one.workload,
                    one.kind,
                    one.backend,
                    str(one.workers),
                    f"{one.batch_size:,}",
                    one.why,
                )
                for one in recommendations
            ),
            align="lllrrw",
        )
    ]


def _regressions(regressions: Sequence[Regression]) -> list[Block]:
    if not regressions:
        return []
    slower = sum(one.slower for one in regressions)
    summary = (
        f"{slower:,} of {len(regressions):,} {plural('figure', len(regressions))} got slower "
        "beyond the noise."
        if slower
        else "Nothing got slower beyond the noise."
    )
    return [
        Paragraph(summary),
        Table(
            caption="Against an earlier run",
            head=("Case", "Figure", "Before", "Now", "Now / before", "Noise", "Verdict"),
            rows=tuple(
                (
                    one.name,
                    one.figure,
                    seconds(one.before_s),
                    seconds(one.now_s),
                    f"{one.ratio:.2f}",
                    f"{one.noise:.2f}",
                    "✗ slower" if one.slower else "✓ within the noise or faster",
                )
                for one in regressions
            ),
            align="llrrrrl",
        ),
    ]


def _gate(gate: GateResult | None) -> list[Block]:
    if gate is None:
        return []
    allowed = "No gate" if gate.gate is None else f"Allowed: {percentage(gate.gate)} more time"
    return [
        *(Paragraph(text) for text in (f"{allowed}.", *gate.not_compared)),
        Table(
            caption="Times before and now",
            head=("Case", "Figure", "Before", "Now", "Change", "Bounds", "Verdict"),
            rows=tuple(
                (
                    one.name,
                    one.figure,
                    seconds(one.before_s),
                    seconds(one.now_s),
                    change(one.ratio),
                    bounds(one.least, one.most),
                    "; ".join(filter(None, (one.decision, one.why))),
                )
                for one in gate.figures
            ),
            align="llrrrrw",
        ),
    ]
