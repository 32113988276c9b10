"""What a gate says, in words: of a benchmark against a saved one, of a task at two revisions."""

from __future__ import annotations

from batchmap.command.text_layout import (
    Lines,
    join_lines,
    plural,
    section,
    title_lines,
    wrapped,
)
from batchmap.text import printable

from ...analysis.gate import Decision, GatedFigure, GateResult, RevisionComparison
from ..wording import bounds, change, percentage, seconds

__all__ = ["gate_section", "gate_verdict", "render_revisions", "revisions_verdict"]

TITLE = "Parallel Batch Processing Benchmark"

_SAID = {
    Decision.SLOWER: "slower than allowed",
    Decision.NOT_SLOWER: "not slower than allowed",
    Decision.CANNOT_TELL: "cannot tell",
}


def gate_section(result: GateResult, *, details: bool) -> Lines:
    """Return the section on the gate; the short one leaves out what is not slower than allowed."""
    lines = [
        _figure_line(one)
        for one in result.figures
        if details or one.decision is not Decision.NOT_SLOWER
    ]
    heading = f"Gate of {percentage(result.gate or 0.0)} Against the Earlier Run"
    return section(heading, *lines, *map(printable, result.not_compared), gate_verdict(result))


def gate_verdict(result: GateResult) -> str:
    """Return in a line what the gate says of all figures together."""
    number = len(result.figures)
    slower, open_ones = (
        sum(one.decision is decision for one in result.figures)
        for decision in (Decision.SLOWER, Decision.CANNOT_TELL)
    )
    if slower:
        are = "is" if slower == 1 else "are"
        return (
            f"{slower} of {number} {plural('time', number)} {are} slower than the gate of "
            f"{percentage(result.gate or 0.0)} allows"
        )
    if result.decision is Decision.NOT_SLOWER:
        return f"Nothing is slower than the gate of {percentage(result.gate or 0.0)} allows"
    if open_ones:
        return f"Cannot tell of {open_ones} of {number} {plural('time', number)}"
    return "Cannot tell of what is not compared"


def _figure_line(one: GatedFigure) -> str:
    assert one.decision is not None
    why = f"; {one.why}" if one.why else ""
    return printable(
        f"{one.name}, {one.figure}: {_SAID[one.decision]}: {seconds(one.before_s)} before, "
        f"{seconds(one.now_s)} now, {_changed(one)}{why}"
    )


def _changed(one: GatedFigure) -> str:
    """Return by how much the time changed, with its bounds where they are known."""
    return " ".join(filter(None, (change(one.ratio), bounds(one.least, one.most))))


def render_revisions(compared: RevisionComparison, gate: float | None, *, details: bool) -> str:
    """Return the report on the task at two revisions, short or with all `details`."""
    one = compared.figure
    lines = [
        f"Task: {one.name}, as it is and as it was at {compared.revision} ({compared.commit})",
        f"Before: {seconds(one.before_s)} for {_items(compared)}",
        f"Now: {seconds(one.now_s)}",
        f"Change: {_changed(one)}, median of the pairs",
        f"Measured: {compared.pairs} {plural('pair', compared.pairs)} of runs, in turn, in "
        f"{compared.measured_s:.1f}s",
    ]
    if compared.failed_before or compared.failed_now:
        lines.append(
            f"Failed items: {compared.failed_before:.1%} before, {compared.failed_now:.1%} now"
        )
    if compared.is_unchanged:
        lines.append("Note: no file differs from the revision, so both sides are the same")
    head = title_lines(TITLE) if details else [TITLE]
    verdict = wrapped(revisions_verdict(compared, gate))
    body = section("Against a Git Revision", *map(printable, lines))
    return join_lines([*head, *verdict, "", *body])


def revisions_verdict(compared: RevisionComparison, gate: float | None) -> str:
    """Return in a line what became of the task's time, and what a gate says of it."""
    one = compared.figure
    time = f"time {_changed(one)} since {compared.revision}"
    if one.decision is None or gate is None:
        return printable(f"T{time[1:]}")
    allowed = f"slower than the gate of {percentage(gate)} allows"
    said = {
        Decision.SLOWER: f"Slower than the gate of {percentage(gate)} allows: {time}",
        Decision.NOT_SLOWER: f"Not {allowed}: {time}",
        Decision.CANNOT_TELL: f"Cannot tell whether {allowed}: {one.why or time}",
    }
    return printable(said[one.decision])


def _items(compared: RevisionComparison) -> str:
    """Return what one run of a side was."""
    number, workers = compared.items_a_run, compared.workers
    where = (
        "one after another"
        if compared.backend == "sequential"
        else f"on {workers} {plural('worker', workers)} of the {compared.backend} backend"
    )
    return f"{number:,} {plural('item', number)} {where}"
