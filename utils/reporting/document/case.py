"""The chapter of a report on one case: where its time went, its plan, what went wrong."""

from __future__ import annotations

from batchmap.command.text_layout import plural

from ...analysis.records import Case
from ...analysis.thresholds import WORTHWHILE_SPEEDUP
from ..verdict import notices, verdict
from ..wording import mean_size, seconds
from .concurrency import concurrency_blocks
from .errors import error_blocks
from .headline import case_headline
from .item_times import item_time_blocks, slow_item_blocks
from .model import (
    Block,
    Bullets,
    Chapter,
    Fact,
    Notice,
    Paragraph,
    Section,
    Table,
)
from .speedups import speedup_blocks
from .time_breakdown import time_breakdown_blocks
from .timeline import timeline_blocks

__all__ = ["case_chapter", "scenario_chapter", "warnings_of"]


def case_chapter(case: Case, anchor: str) -> Chapter:
    """Return the chapter on the only case of a report, whose top has its headline."""
    title = "Run" if case.comparison is None else "Comparison"
    return Chapter(anchor, title, _note(case), _sections(case))


def scenario_chapter(case: Case, anchor: str) -> Chapter:
    """Return the chapter on one case of several, to be opened; links reach it by `anchor`."""
    lead: list[Block] = [Paragraph(f"{verdict(case)}.")]
    if (headline := case_headline(case)) is not None:
        lead.append(headline)
    if lines := tuple(notices(case)):
        lead.append(Bullets(lines))
    if warnings := warnings_of(case):
        lead.append(Notice("warning", "Warnings", warnings))
    return Chapter(
        anchor, case.name, _note(case), _sections(case), lead=tuple(lead), folded=_shown(case)
    )


def warnings_of(case: Case) -> tuple[str, ...]:
    """Return what makes the figures of a case less trustworthy."""
    return () if case.comparison is None else case.comparison.warnings


def _shown(case: Case) -> Fact:
    """Return what is shown of a folded case: its speedup, or its time."""
    compared = case.comparison
    if compared is None:
        return Fact("Time", seconds(case.parallel.total_duration))
    if not compared.results_match:
        return Fact("Speedup", f"{compared.speedup:.2f}x", "results differ", tone="bad")
    is_faster = compared.speedup > WORTHWHILE_SPEEDUP
    return Fact(
        "Speedup",
        f"{compared.speedup:.2f}x",
        f"{compared.share_of_limit:.1%} of what was possible",
        tone="good" if is_faster else "warning",
    )


def _note(case: Case) -> str:
    run = case.parallel
    return (
        f"{case.workload}, {run.total_processed:,} {plural('item', run.total_processed)} "
        f"({case.data_type}), {case.plan.backend} backend"
    )


def _sections(case: Case) -> tuple[Section, ...]:
    """Return what there is to tell, what went wrong first."""
    errors = ("Errors", error_blocks(case))
    sections = (
        ("Results", _results(case)),
        *([errors] if case.failures else []),
        ("Where the workers went", time_breakdown_blocks(case)),
        ("Timeline", timeline_blocks(case)),
        ("How many at once", concurrency_blocks(case)),
        ("Speedup by workers", speedup_blocks(case)),
        ("Item times", item_time_blocks(case)),
        ("Slowest items", slow_item_blocks(case)),
        *([] if case.failures else [errors]),
        ("Plan", _plan(case)),
    )
    return tuple(Section(title, tuple(blocks)) for title, blocks in sections if blocks)


def _results(case: Case) -> list[Block]:
    """Return how results differ; empty where they do not, as the headline says so."""
    if case.comparison is None or case.comparison.verdict.matches:
        return []
    verdict = case.comparison.verdict
    number = verdict.different
    return [
        Paragraph(
            f"The two runs differ in {number:,} {plural('item', number)}, so the speedup counts "
            "for nothing."
        ),
        Paragraph(f"Why: {verdict.why}" if verdict.why else "Why they differ is not known."),
        Table(
            caption="First differences",
            head=("Place", "Sequential", "Parallel"),
            rows=tuple((one.place, one.sequential, one.parallel) for one in verdict.differences),
            align="lww",
        ),
    ]


def _plan(case: Case) -> list[Block]:
    plan = case.plan
    batches = "unknown" if plan.num_batches is None else f"{plan.num_batches:,}"
    run = case.parallel
    times = (
        []
        if plan.predicted_s is None
        else [("Time", seconds(plan.predicted_s), seconds(run.total_duration))]
    )
    return [
        Table(
            caption="Plan and outcome",
            head=("What", "Planned", "Outcome"),
            rows=(
                ("Backend", plan.backend, ""),
                ("Workers", str(plan.workers), str(run.workers)),
                ("Batch size", f"{plan.batch_size:,}", mean_size(plan, run)),
                ("Batches", batches, f"{run.batches:,}"),
                *times,
            ),
            align="lrr",
        ),
        *([Bullets(plan.why)] if plan.why else []),
    ]
