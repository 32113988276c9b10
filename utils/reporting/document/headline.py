"""The headline figures of a case, and the table of all cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from batchmap.command.text_layout import plural, rate

from ...analysis.aggregates import parts_of
from ...analysis.records import Case, Comparison, Spread
from ..verdict import verdict
from ..wording import seconds, success_rate
from .model import Block, Fact, Facts, Notice, Paragraph, Table

__all__ = ["headline", "summary_table"]

_Format = Callable[[float], str]


def headline(case: Case) -> list[Block]:
    """Return the verdict on a case, its headline figures, warnings, and the largest loss."""
    compared = case.comparison
    facts = _comparison_facts(case, compared) if compared else _run_facts(case)
    blocks: list[Block] = [Paragraph(f"{verdict(case)}."), Facts(facts)]
    if case.parallel.interrupted:
        blocks.append(Notice("warning", "Interrupted", ("The run was stopped before its end.",)))
    if compared and compared.warnings:
        blocks.append(Notice("warning", "Take these figures with care", compared.warnings))
    if found := case.diagnosis:
        workers = plural("worker", _grammatical_number(found.share))
        lost = f"Largest loss: {found.loss}, {found.share:.2f} {workers}"
        blocks.append(Notice("advice", lost, (found.told, found.advice)))
    return blocks


def summary_table(cases: Sequence[Case], anchors: Sequence[str]) -> Table:
    """Return the table of all cases; each row links to the chapter at its anchor."""
    return Table(
        caption="All cases",
        head=(
            "Case",
            "Items",
            "Workers",
            "Sequential",
            "Parallel",
            "Speedup",
            "Efficiency",
            "Limit",
            "Of the limit",
            "Match",
            "Largest loss",
        ),
        rows=tuple(_summary_row(case) for case in cases),
        align="wrrrrrrrrll",
        links=tuple(anchors),
    )


def _summary_row(case: Case) -> tuple[str, ...]:
    compared, run = case.comparison, case.parallel
    loss = case.diagnosis.loss if case.diagnosis else "–"
    items = f"{run.total_processed:,}"
    if compared is None:
        parallel = seconds(run.total_duration)
        return (case.name, items, str(run.workers), "–", parallel, "–", "–", "–", "–", "–", loss)
    return (
        case.name,
        items,
        str(compared.workers),
        seconds(compared.sequential_time),
        seconds(compared.parallel_time),
        f"{compared.speedup:.2f}x",
        f"{compared.efficiency:.1%}",
        f"{compared.limit:.2f}x",
        f"{compared.share_of_limit:.1%}",
        "✓" if compared.results_match else "✗",
        loss,
    )


def _comparison_facts(case: Case, compared: Comparison) -> tuple[Fact, ...]:
    run = case.parallel
    return (
        Fact(
            "Speedup",
            f"{compared.speedup:.2f}x",
            f"{compared.share_of_limit:.1%} of the limit, {compared.limit:.2f}x"
            + _spread_text(compared.speedups, "{:.2f}x".format),
            share=f"{compared.share_of_limit:.1%}",
        ),
        Fact(
            "Parallel time",
            seconds(compared.parallel_time),
            f"on {compared.workers} {plural('worker', compared.workers)}"
            + _spread_text(compared.parallel_times, seconds),
        ),
        Fact(
            "Sequential time",
            seconds(compared.sequential_time),
            "one item after another" + _spread_text(compared.sequential_times, seconds),
        ),
        Fact(
            "Efficiency",
            f"{compared.efficiency:.1%}",
            "speedup for each worker",
            share=f"{compared.efficiency:.1%}",
        ),
        Fact(
            "Throughput",
            rate(compared.parallel_throughput),
            f"sequential: {rate(compared.sequential_throughput)}",
        ),
        _match_fact(compared),
        Fact(
            "Errors",
            f"{compared.errors['parallel']:,}",
            f"of {run.total_processed:,} {plural('item', run.total_processed)}; "
            f"sequential: {compared.errors['sequential']:,}" + _retries_text(case),
        ),
    )


def _run_facts(case: Case) -> tuple[Fact, ...]:
    run = case.parallel
    work = parts_of(case.accounting)[0]
    return (
        Fact("Items", f"{run.total_processed:,}", case.data_type),
        Fact(
            "Time",
            seconds(run.total_duration),
            f"on {run.workers} {plural('worker', run.workers)}",
        ),
        Fact("Throughput", rate(run.throughput), f"{seconds(run.avg_time_per_item)} an item"),
        Fact(
            "Time spent on items",
            f"{work.share:.1%}",
            "of the workers' time",
            share=f"{work.share:.1%}",
        ),
        Fact(
            "Errors",
            f"{run.failed:,}",
            f"success rate: {success_rate(run)}" + _retries_text(case),
        ),
    )


def _match_fact(compared: Comparison) -> Fact:
    if compared.results_match:
        return Fact("Results match", "✓ yes", "the same for every item", tone="good")
    different = compared.verdict.different
    verb = "differs" if different == 1 else "differ"
    note = f"{different:,} of {compared.total_items:,} items {verb}; the speedup counts for nothing"
    return Fact("Results match", "✗ no", note, tone="bad")


def _retries_text(case: Case) -> str:
    number = case.parallel.retries
    return f"; {number:,} {'retry' if number == 1 else 'retries'}" if number else ""


def _spread_text(measured: Spread, formatted: _Format) -> str:
    """Return how far several rounds lie apart; nothing for a single one."""
    rounds = len(measured.values)
    if rounds < 2:
        return ""
    return f"; {formatted(measured.least)} to {formatted(measured.most)} in {rounds} rounds"


def _grammatical_number(share: float) -> int:
    """Return 1 for a share that is shown as 1.00 and so takes the singular, else 2."""
    return 1 if f"{share:.2f}" == "1.00" else 2
