"""The figures that a report begins with: one drawn large, three beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Literal

from batchmap.command.summary import workers_in_words
from batchmap.command.text_layout import plural, rate

from ...analysis.aggregates import parts_of
from ...analysis.gate import Decision, GateResult
from ...analysis.records import Case, Comparison, Spread
from ...analysis.thresholds import WORTHWHILE_SPEEDUP
from ..wording import mean_size, seconds, success_rate
from .model import Bar, Bars, Fact, Headline, Look, Tone

__all__ = ["benchmark_headline", "case_headline", "tone_of", "tone_of_all"]

_Format = Callable[[float], str]

_WORST_FIRST: tuple[Tone, ...] = ("bad", "warning", "plain", "good")

_GATE_TONES: dict[Decision, Tone] = {
    Decision.SLOWER: "bad",
    Decision.NOT_SLOWER: "good",
    Decision.CANNOT_TELL: "warning",
}


def tone_of(case: Case) -> Tone:
    """Return whether a case went well: `bad` where results differ, `warning` where it gains little.

    A run without a baseline is `plain` where all went well.
    """
    compared, outcome = case.comparison, case.outcome
    if compared is not None and not compared.results_match:
        return "bad"
    unfinished = case.parallel.interrupted or (outcome is not None and not outcome.finished)
    if unfinished or case.failures:
        return "warning"
    if compared is None or not compared.total_items:
        return "plain"
    return "good" if compared.speedup > WORTHWHILE_SPEEDUP else "warning"


def tone_of_all(cases: Sequence[Case], gate: GateResult | None = None) -> Tone:
    """Return the worst of the tones of the cases and of the gate; `warning` without any."""
    tones = list(map(tone_of, cases))
    if gate is not None:
        tones.append("plain" if gate.gate is None else _GATE_TONES[gate.decision])
    return min(tones, key=_WORST_FIRST.index, default="warning")


def case_headline(case: Case) -> Headline | None:
    """Return the time before and after, or how busy the workers were; `None` without items."""
    if not case.parallel.total_processed:
        return None
    if case.comparison is not None:
        return _comparison_headline(case, case.comparison)
    return _run_headline(case)


def benchmark_headline(cases: Sequence[Case], anchors: Sequence[str]) -> Headline | None:
    """Return the speedup of each case with its limit; each links to the chapter at its anchor."""
    compared = [
        (case, case.comparison, anchor)
        for case, anchor in zip(cases, anchors, strict=True)
        if case.comparison is not None
    ]
    if not compared:
        return None
    longest = max(
        figure for _, one, _ in compared for figure in (1.0, one.speedup, one.limit)
        if isfinite(figure)
    )  # fmt: skip
    bars = tuple(
        Bar(
            case.name,
            f"{one.speedup:.2f}x of {one.limit:.2f}x",
            _share(one.speedup, longest),
            _outcome_look(one),
            mark=_share(one.limit, longest),
            link=anchor,
        )
        for case, one, anchor in compared
    )
    matching = sum(one.results_match for _, one, _ in compared)
    speedups = [one.speedup for _, one, _ in compared]
    cards = (
        Fact("Speedup", f"{min(speedups):.2f}x to {max(speedups):.2f}x", "from least to most"),
        Fact(
            "Of what was possible",
            f"{min(one.share_of_limit for _, one, _ in compared):.1%}",
            "or more, in each of them",
        ),
        Fact(
            "Results match",
            f"{'✓' if matching == len(compared) else '✗'} {matching} of {len(compared)}",
            "the same in both runs",
            tone="good" if matching == len(compared) else "bad",
        ),
    )
    caption = "Speedup of each scenario; the mark is what was possible"
    return Headline(None, Bars(caption, bars, ("Scenario", "Speedup")), cards)


def _comparison_headline(case: Case, compared: Comparison) -> Headline:
    look = _outcome_look(compared)
    possible_s = compared.sequential_time / compared.limit if compared.limit > 0 else 0.0
    times_s = [compared.sequential_time, compared.parallel_time, possible_s]
    longest_s = max(times_s)
    looks: tuple[tuple[str, Look], ...] = (
        ("One after another", "void" if look == "void" else "before"),
        (workers_in_words(case.plan.backend, compared.workers), look),
        ("Best possible", "possible"),
    )
    bars = tuple(
        Bar(name, seconds(time_s), _share(time_s, longest_s), kind)
        for (name, kind), time_s in zip(looks, times_s, strict=True)
    )
    items = f"{compared.total_items:,} {plural('item', compared.total_items)}"
    note = "counts for nothing, as results differ" if look == "void" else ""
    figure = Fact(
        "Speedup",
        f"{compared.speedup:.2f}x",
        "; ".join(filter(None, (note, _spread_text(compared.speedups, "{:.2f}x".format)))),
        tone="bad" if look == "void" else look,
    )
    caption = f"Time for {items}"
    return Headline(figure, Bars(caption, bars, ("Run", "Time")), _comparison_cards(case, compared))


def _comparison_cards(case: Case, compared: Comparison) -> tuple[Fact, ...]:
    failed = compared.errors["parallel"]
    errors = (
        f"{failed:,} {plural('item', failed)} failed, sequential: {compared.errors['sequential']:,}"
        if failed or compared.errors["sequential"]
        else "no item failed"
    )
    return (
        Fact(
            "Of what was possible",
            f"{compared.share_of_limit:.1%}",
            f"the limit is {compared.limit:.2f}x; efficiency {compared.efficiency:.1%}",
            share=f"{compared.share_of_limit:.1%}",
        ),
        Fact(
            "Throughput",
            rate(compared.parallel_throughput),
            f"sequential: {rate(compared.sequential_throughput)}",
        ),
        Fact(
            "Results match",
            "✓ yes" if compared.results_match else "✗ no",
            f"{_matching_text(compared)}; {errors}{_retries_text(case)}",
            tone="good" if compared.results_match else "bad",
        ),
    )


def _matching_text(compared: Comparison) -> str:
    if compared.results_match:
        return "the same for every item"
    different = compared.verdict.different
    verb = "differs" if different == 1 else "differ"
    return f"{different:,} of {compared.total_items:,} items {verb}"


def _run_headline(case: Case) -> Headline:
    run = case.parallel
    work = parts_of(case.accounting)[0]
    at_work = min(1.0, max(0.0, work.share))
    workers = workers_in_words(case.plan.backend, run.workers)
    figure = Fact(
        "Time",
        seconds(run.total_duration),
        f"for {run.total_processed:,} {plural('item', run.total_processed)}",
    )
    bars = (
        Bar("At work", f"{work.share:.1%}", at_work, "work"),
        Bar("Idle", f"{1 - at_work:.1%}", 1 - at_work, "tail"),
    )
    mean = mean_size(case.plan, run)
    cards = (
        Fact("Throughput", rate(run.throughput), f"{seconds(run.avg_time_per_item)} an item"),
        Fact(
            "Workers",
            workers,
            f"batches of {case.plan.batch_size:,} {plural('item', case.plan.batch_size)}"
            + (mean and f", {mean}"),
        ),
        Fact(
            "Failed items",
            f"{run.failed:,}",
            f"success rate: {success_rate(run)}{_retries_text(case)}",
            tone="bad" if case.failures else "plain",
        ),
    )
    caption = f"What the time of {workers} went into"
    return Headline(figure, Bars(caption, bars, ("Workers", "Share")), cards)


def _outcome_look(compared: Comparison) -> Literal["void", "good", "warning"]:
    if not compared.results_match:
        return "void"
    return "good" if compared.speedup > WORTHWHILE_SPEEDUP else "warning"


def _share(figure: float, longest: float) -> float:
    """Return the length of a bar; 0 for a figure that is not finite, which none can show."""
    return min(1.0, max(0.0, figure / longest)) if isfinite(figure) and longest else 0.0


def _retries_text(case: Case) -> str:
    number = case.parallel.retries
    return f"; {number:,} {'retry' if number == 1 else 'retries'}" if number else ""


def _spread_text(measured: Spread, formatted: _Format) -> str:
    """Return how far several rounds lie apart; nothing for a single one."""
    rounds = len(measured.values)
    if rounds < 2:
        return ""
    return f"{formatted(measured.least)} to {formatted(measured.most)} in {rounds} rounds"
