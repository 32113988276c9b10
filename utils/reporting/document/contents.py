"""Builds the document of a whole report: what comes first, a chapter for each case, conditions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ..contents import ReportContents
from ..verdict import benchmark_notices, notices
from ..wording import TITLE
from .case import case_chapter, scenario_chapter, warnings_of
from .conditions import conditions_chapter
from .headline import benchmark_headline, case_headline, tone_of_all
from .model import Document, Fact, Tone
from .scenarios import overview_chapter

__all__ = ["build_document"]

_FAULTS = ("Error", "Failed items", "First failure", "Why")
"""Labels of notices on what went wrong."""

_ADVICE = ("Largest loss", "Held back by")
"""Labels of notices on what would make it faster."""


def build_document(contents: ReportContents) -> Document:
    """Return the document on all cases of `contents`.

    A single one has its figures at the top; of several, each has a chapter to be opened.
    """
    cases = contents.cases
    anchors = [f"case-{number}" for number in range(1, len(cases) + 1)]
    overview = overview_chapter(contents, anchors)
    is_single = len(cases) == 1
    make_chapter = case_chapter if is_single else scenario_chapter
    chapters = [
        *([overview] if overview is not None else []),
        *(make_chapter(case, anchor) for case, anchor in zip(cases, anchors, strict=True)),
        conditions_chapter(contents),
    ]
    return Document(
        title=TITLE,
        verdict=contents.verdict,
        tone=tone_of_all(cases, contents.gate),
        notices=tuple(_notices(contents)),
        made=tuple(_made(contents)),
        command=contents.provenance.command_line,
        headline=case_headline(cases[0]) if is_single else benchmark_headline(cases, anchors),
        chapters=tuple(chapter for chapter in chapters if chapter.sections),
    )


def _notices(contents: ReportContents) -> Iterator[Fact]:
    cases = contents.cases
    lines = notices(cases[0]) if len(cases) == 1 else benchmark_notices(cases)
    for line in lines:
        label, _, text = line.partition(": ")
        yield Fact(label, text, tone=_tone(label))
    doubtful = [case for case in cases if case.comparison is not None and case.comparison.warnings]
    if len(cases) == 1 and doubtful:
        yield Fact("Warnings", "; ".join(warnings_of(cases[0])), tone="warning")
    elif doubtful:
        names = ", ".join(case.name for case in doubtful)
        yield Fact("Warnings", f"about the figures of {names}", tone="warning")


def _tone(label: str) -> Tone:
    if label in _FAULTS:
        return "bad"
    return "warning" if label in _ADVICE else "plain"


def _made(contents: ReportContents) -> Iterator[str]:
    provenance = contents.provenance
    started = datetime.fromisoformat(provenance.started)
    zone = started.strftime("%z")
    yield f"{started:%Y-%m-%d %H:%M} {'UTC' if zone == '+0000' else zone}"
    yield provenance.host
    yield f"batchmap {provenance.version}"
    if python := contents.machine.get("python"):
        yield f"Python {python}"
