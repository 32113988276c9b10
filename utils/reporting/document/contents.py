"""Builds the document of a whole report: overview, a chapter for each case, conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from batchmap.command.text_layout import plural

from ...analysis.aggregates import gibibytes
from ...analysis.records import Case, Recommendation, Regression
from ..charts.figures import overview_figure
from ..wording import TITLE, seconds
from .case import case_chapter
from .chart_block import chart_block
from .headline import summary_table
from .model import Block, Chapter, Document, Paragraph, Section, Table

__all__ = ["build_document"]

MACHINE_LABELS = {
    "usable_cores": "Usable cores",
    "logical_cores": "Logical cores",
    "memory_bytes": "Memory",
    "python": "Python",
    "implementation": "Implementation",
    "system": "System",
    "architecture": "Architecture",
}


def build_document(
    command: str,
    settings: Mapping[str, Any],
    machine: Mapping[str, Any],
    cases: Sequence[Case],
    recommendations: Sequence[Recommendation],
    regressions: Sequence[Regression],
) -> Document:
    """Return the document on all `cases`.

    `command` names what was run; `settings` and `machine` are shown under the conditions, whatever
    they hold.
    """
    anchors = [f"case-{number}" for number in range(1, len(cases) + 1)]
    overview = _overview(cases, anchors, recommendations, regressions)
    chapters = [
        *([Chapter("overview", "Overview", "", tuple(overview))] if overview else []),
        *(case_chapter(case, anchor) for case, anchor in zip(cases, anchors, strict=True)),
        Chapter("conditions", "Conditions", "", _conditions(settings, machine)),
    ]
    return Document(TITLE, command, tuple(chapters))


def _overview(
    cases: Sequence[Case],
    anchors: Sequence[str],
    recommendations: Sequence[Recommendation],
    regressions: Sequence[Regression],
) -> list[Section]:
    sections = []
    if len(cases) != 1:
        sections.append(Section("All cases", tuple(_all_cases(cases, anchors))))
    if recommendations:
        sections.append(Section("Recommendations", (_recommendations_table(recommendations),)))
    if regressions:
        sections.append(Section("Against an earlier run", tuple(_regression_blocks(regressions))))
    return sections


def _all_cases(cases: Sequence[Case], anchors: Sequence[str]) -> list[Block]:
    if not cases:
        return [Paragraph("There are no cases to tell of.")]
    blocks: list[Block] = [summary_table(cases, anchors)]
    compared = [(case.name, case.comparison) for case in cases if case.comparison]
    if compared:
        description = "Speedup and its limit: " + "; ".join(
            f"{name} {one.speedup:.2f}x of {one.limit:.2f}x" for name, one in compared
        )
        blocks.append(chart_block(overview_figure(compared), description + ".", None))
    return blocks


def _recommendations_table(recommendations: Sequence[Recommendation]) -> Table:
    return Table(
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


def _regression_blocks(regressions: Sequence[Regression]) -> list[Block]:
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


def _conditions(settings: Mapping[str, Any], machine: Mapping[str, Any]) -> tuple[Section, ...]:
    machine_rows = tuple(
        (MACHINE_LABELS.get(name, _label(name)), _machine_value(name, value))
        for name, value in machine.items()
    )
    setting_rows = tuple((_label(name), _value(value)) for name, value in settings.items())
    return (
        Section("Machine", (_pairs_table("Machine", machine_rows),)),
        Section("Settings", (_pairs_table("Settings", setting_rows),)),
    )


def _pairs_table(caption: str, rows: tuple[tuple[str, ...], ...]) -> Block:
    if not rows:
        return Paragraph("Nothing is known of it.")
    return Table(caption, ("Name", "Value"), rows, "lw")


def _label(name: str) -> str:
    words = name.removesuffix("_s").replace("_", " ").capitalize()
    return f"{words} (s)" if name.endswith("_s") else words


def _machine_value(name: str, value: Any) -> str:
    if name.endswith("_bytes") and isinstance(value, int):
        return f"{gibibytes(value):.1f} GiB"
    return _value(value)


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(one) for one in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_value(one)}" for name, one in value.items()) or "none"
    return str(value)
