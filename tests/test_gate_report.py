"""What a gate says, in words: of a saved benchmark, and of a task at two revisions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from batchmap_workbook.utils.analysis.gate import (
    Decision,
    GatedFigure,
    GateResult,
    RevisionComparison,
)
from batchmap_workbook.utils.reporting import render_markdown
from batchmap_workbook.utils.reporting.document.headline import tone_of_all
from batchmap_workbook.utils.reporting.text.gate import gate_section, render_revisions
from tests.fakes_report import contents

SLOWER = GatedFigure("I/O", "parallel time", 0.5, 0.6, 1.2, 1.12, 1.3, Decision.SLOWER)
FASTER = replace(SLOWER, now_s=0.4, ratio=0.8, least=0.7, most=0.9, decision=Decision.NOT_SLOWER)
OPEN = replace(
    SLOWER, least=None, most=None, decision=Decision.CANNOT_TELL, why="too few rounds"
)  # fmt: skip
COMPARED = RevisionComparison(
    revision="v1.2",
    commit="0123456789ab",
    is_unchanged=False,
    backend="sequential",
    workers=1,
    items_a_run=1200,
    pairs=12,
    measured_s=1.25,
    failed_before=0.0,
    failed_now=0.0,
    figure=replace(SLOWER, name="tasks.py:f", figure="run time"),
)


def test_the_short_section_leaves_out_what_is_not_slower() -> None:
    result = GateResult(0.1, (SLOWER, FASTER, OPEN), ("Text: not compared: it was not run now",))
    assert gate_section(result, details=False) == [
        "Gate of 10% Against the Earlier Run",
        "- I/O, parallel time: slower than allowed: 0.50s before, 0.60s now, +20.0%",
        "  (+12.0% to +30.0%)",
        "- I/O, parallel time: cannot tell: 0.50s before, 0.60s now, +20.0%; too few",
        "  rounds",
        "- Text: not compared: it was not run now",
        "- 1 of 3 times is slower than the gate of 10% allows",
        "",
    ]
    whole = " ".join(gate_section(result, details=True))
    assert "not slower than allowed: 0.50s before, 0.40s now, -20.0%" in whole


@pytest.mark.parametrize(
    ("figures", "not_compared", "verdict"),
    [
        ((SLOWER, SLOWER), (), "2 of 2 times are slower than the gate of 2.5% allows"),
        ((FASTER,), (), "Nothing is slower than the gate of 2.5% allows"),
        ((FASTER, OPEN), (), "Cannot tell of 1 of 2 times"),
        ((FASTER,), ("Text: not compared",), "Cannot tell of what is not compared"),
    ],
)
def test_the_section_ends_with_the_verdict(
    figures: tuple[GatedFigure, ...], not_compared: tuple[str, ...], verdict: str
) -> None:
    section = gate_section(GateResult(0.025, figures, not_compared), details=False)
    assert section[-2] == f"- {verdict}"


def test_the_report_on_two_revisions_begins_with_the_verdict() -> None:
    assert render_revisions(COMPARED, 0.1, details=False).splitlines() == [
        "Parallel Batch Processing Benchmark",
        "Slower than the gate of 10% allows: time +20.0% (+12.0% to +30.0%) since v1.2",
        "",
        "Against a Git Revision",
        "- Task: tasks.py:f, as it is and as it was at v1.2 (0123456789ab)",
        "- Before: 0.50s for 1,200 items one after another",
        "- Now: 0.60s",
        "- Change: +20.0% (+12.0% to +30.0%), median of the pairs",
        "- Measured: 12 pairs of runs, in turn, in 1.2s",
    ]


@pytest.mark.parametrize(
    ("changes", "gate", "verdict"),
    [
        (FASTER, 0.1, "Not slower than the gate of 10% allows: time -20.0% (-30.0% to -10.0%)"),
        (OPEN, 0.1, "Cannot tell whether slower than the gate of 10% allows: too few rounds"),
        (replace(OPEN, why="", least=0.9, most=1.3), 0.1,
         "Cannot tell whether slower than the gate of 10% allows: time +20.0% (-10.0% to"),
        (replace(SLOWER, decision=None), None, "Time +20.0% (+12.0% to +30.0%) since v1.2"),
    ],
)  # fmt: skip
def test_each_decision_has_its_words(
    changes: GatedFigure, gate: float | None, verdict: str
) -> None:
    report = render_revisions(replace(COMPARED, figure=changes), gate, details=True)
    assert report.splitlines()[3].startswith(verdict[:78])
    assert "None" not in report
    assert max(map(len, report.splitlines())) <= 80


def test_no_name_controls_the_terminal() -> None:
    figure = replace(COMPARED.figure, name="\x1b[2Jtasks.py:f", why="\x1b[1m")
    report = render_revisions(
        replace(COMPARED, revision="\x1b[3m", figure=figure), 0.1, details=True
    )
    section = gate_section(GateResult(0.1, (replace(OPEN, name="\x1b[2J"),)), details=True)
    assert "\x1b" not in report + "".join(section)


def test_a_page_has_a_table_of_the_times() -> None:
    result = GateResult(0.1, (SLOWER, OPEN), ("Text: not compared",))
    page = render_markdown(contents(verdict="Slower", gate=result))
    assert "Allowed: 10% more time." in page
    assert "Text: not compared" in page
    assert (
        "| I/O | parallel time | 0.50s | 0.60s | \\+20.0% | (+12.0% to +30.0%) | slower |" in page
    )
    assert "cannot tell; too few rounds" in page
    assert tone_of_all((), result) == "bad"
    assert tone_of_all((), GateResult(0.1, (FASTER,))) == "good"
    assert tone_of_all((), GateResult(0.1, (FASTER, OPEN))) == "warning"
    assert tone_of_all((), GateResult(None, (FASTER,))) == "plain"
