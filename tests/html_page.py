"""Reads the HTML report back: its elements, headings and text, and what a browser makes of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from batchmap_workbook.utils.analysis.records import Case
from batchmap_workbook.utils.reporting import render_html
from batchmap_workbook.utils.reporting.contents import ReportContents
from tests.fakes_report import case, contents, time_breakdown

__all__ = ["CHROMIUM", "Page", "alone", "bars", "page", "shown_by_browser", "styles", "texts"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Page(HTMLParser):
    """The contents of a page: its elements, attributes, headings, scripts and visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[int, str]] = []
        self.scripts: dict[str, str] = {}
        self.shown = ""
        self._open: list[str] = []
        self._script = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self._open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag == "script":
            self._script = dict(attrs).get("id") or "own"
            self.scripts[self._script] = ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "script":
            self.scripts[self._script] += data
        elif inside != "style":
            self.shown += data
        if re.fullmatch("h[1-6]", inside):
            level, before = self.headings[-1]
            self.headings[-1] = (level, before + data)

    def figures(self) -> list[dict[str, Any]]:
        figures: list[dict[str, Any]] = json.loads(self.scripts["figures"])
        return figures

    def titles(self, level: int) -> list[str]:
        return [title for found, title in self.headings if found == level]


def page(*cases: Case, **more: Any) -> Page:
    """Return the page on `cases`, with changes of its contents."""
    return Page(render_html(contents(*cases, **more)))


def alone(**changes: Any) -> Case:
    """Return a case without a sequential run."""
    return case(comparison=None, accounting=time_breakdown(slower_items=None), **changes)


def texts(value: Any) -> list[str]:
    """Return every text in a specification."""
    if isinstance(value, dict):
        return [text for entry in value.values() for text in texts(entry)]
    if isinstance(value, list):
        return [text for entry in value for text in texts(entry)]
    return [value] if isinstance(value, str) else []


def bars(made: Page) -> dict[str, str]:
    """Return the widths of the bars of the headline, by what they stand for; the last of each."""
    looks = {"before", "good", "warning", "void", "possible", "work", "tail"}
    found: dict[str, str] = {}
    look = ""
    for tag, attributes in made.elements:
        if _is_of(attributes, "facts"):
            break
        if tag == "li" and attributes.get("class") in looks:
            look = str(attributes["class"])
        if _is_of(attributes, "fill"):
            found[look] = str(attributes["style"]).removeprefix("width:")
    return found


def _is_of(attributes: dict[str, str | None], kind: str) -> bool:
    return attributes.get("class") == kind


def shown_by_browser(directory: Path, of: ReportContents, *options: str, at: str = "") -> str:
    """Return the elements of the page on `of` as a browser has them, its scripts run."""
    file = directory / "report.html"
    file.write_text(render_html(of), encoding="utf-8")
    return subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", *options,
            f"--user-data-dir={directory / 'profile'}", "--virtual-time-budget=10000",
            "--dump-dom", file.as_uri() + at,
        ],
        capture_output=True, text=True, timeout=100, check=True,
    ).stdout  # fmt: skip


def styles() -> str:
    """Return the styles of a page."""
    text = render_html(contents())
    return text[text.index("<style>") : text.index("</style>")]
