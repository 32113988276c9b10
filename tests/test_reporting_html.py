"""The HTML report: complete, safe whatever the data, and drawn by a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from batchmap.errors import UsageError

from batchmap_workbook.utils.analysis.records import Case
from batchmap_workbook.utils.reporting import render_html
from batchmap_workbook.utils.reporting.html.plotly_bundle import packed_plotly
from tests.fakes import run_summary
from tests.fakes_report import (
    MACHINE,
    SETTINGS,
    benchmark_cases,
    case,
    comparison,
    differing,
    hostile_case,
    no_trace,
    recommendation,
    regressions,
    sweep,
    time_breakdown,
)

pytest.importorskip("plotly", reason="needs requirements-html.txt")

HOSTILE = (
    "<script>alert(1)</script><b>x</b>"
    '<a href="javascript:alert(1)" onclick=alert(1)>l</a><img src=http://x.example/ onerror=a>'
    "&lt;i&gt; '\" --> ]]> \u2028 \u202e \x1b[31m %{x} $a$ \udc80"
)
SECTIONS = [
    "Headline figures",
    "Where the workers went",
    "Timeline of the workers",
    "Speedup by workers",
    "Item times",
    "Errors",
    "Results",
    "Plan",
    "Machine",
    "Settings",
]
FETCHING = {"src", "href", "action", "data", "srcset", "poster", "formaction", "background"}
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
    return Page(render_html("main.py compare 100 8", SETTINGS, MACHINE, cases, **more))


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


def test_a_comparison_has_every_section_and_every_chart() -> None:
    made = page(case())
    assert made.titles(2) == ["compare", "Conditions"]
    assert made.titles(3) == SECTIONS
    assert [figure["id"] for figure in made.figures()] == [f"chart-{n}" for n in range(1, 6)]


def test_the_headline_figures_are_those_of_the_comparison() -> None:
    shown = page(case()).shown
    for figure in ("7.59x", "97.1% of the limit, 7.82x", "50.10s", "6.60s", "94.9%", "✓ yes"):
        assert figure in shown
    assert "rounds" not in shown


def test_several_rounds_show_how_far_they_lie_apart() -> None:
    shown = page(benchmark_cases()[1]).shown
    assert "3.10x to 3.40x in 3 rounds" in shown
    assert "Each round" in shown
    assert "something else was at work on the machine" in shown


def test_a_benchmark_begins_with_all_cases_and_links_to_each() -> None:
    cases = benchmark_cases()
    made = page(*cases, recommendations=[recommendation()], regressions=regressions())
    assert made.titles(2) == ["Overview", *(one.name for one in cases), "Conditions"]
    assert made.titles(3)[:3] == ["All cases", "Recommendations", "Against an earlier run"]
    assert "1 of 2 figures got slower beyond the noise." in made.shown
    anchors = {attributes["id"] for _, attributes in made.elements if "id" in attributes}
    links = [str(attributes["href"]) for tag, attributes in made.elements if tag == "a"]
    assert {link[1:] for link in links} <= anchors
    assert links.count("#case-3") == 2


def test_headings_never_skip_a_level() -> None:
    levels = [level for level, _ in page(*benchmark_cases()).headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_chart_is_described_in_words() -> None:
    made = page(*benchmark_cases())
    plots = [attributes for _, attributes in made.elements if attributes.get("class") == "plot"]
    assert [plot["id"] for plot in plots] == [figure["id"] for figure in made.figures()]
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots)


def test_no_element_and_no_attribute_comes_from_data() -> None:
    dull, hostile = (
        Page(
            render_html(
                text,
                {text: text},
                {text: text},
                [hostile_case(text), hostile_case(text)],
                [recommendation(text)],
                regressions(text),
            )
        )
        for text in ("dull", HOSTILE)
    )
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in dull.elements]
    assert [set(found) for _, found in hostile.elements] == [
        set(found) for _, found in dull.elements
    ]
    assert '<script>alert(1)</script><b>x</b><a href="javascript:alert(1)"' in hostile.shown
    assert not {"\u202e", "\x1b", "\u2028"} & set(hostile.shown + hostile.scripts["figures"])


def test_charts_get_text_that_plotly_cannot_read_as_html() -> None:
    figures = page(hostile_case(HOSTILE), hostile_case(HOSTILE)).figures()
    from_data = [text for text in texts(figures) if "alert" in text]
    assert len(from_data) == 10  # names and hints of 2 cases' bars, and of a bar of errors in each
    for text in from_data:
        assert set(re.findall("<[^>]*>", text)) <= {"<b>", "</b>", "<br>"}
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    templates = [trace.get("hovertemplate", "") for one in figures for trace in one["data"]]
    assert not any("alert" in template for template in templates)


def test_no_data_in_a_script_can_end_it() -> None:
    text = render_html(HOSTILE, SETTINGS, MACHINE, [hostile_case(HOSTILE)])
    (figures,) = re.findall(r'id="figures">(.*?)</script>', text, re.DOTALL)
    assert not set("<>&\u2028\u2029") & set(figures)


def test_nothing_is_fetched_from_anywhere() -> None:
    made = page(*benchmark_cases())
    fetched = [
        value
        for _, attributes in made.elements
        for name, value in attributes.items()
        if name in FETCHING and not str(value).startswith("#")
    ]
    assert fetched == []
    assert not [tag for tag, _ in made.elements if tag in ("link", "iframe", "img", "object")]
    (policy,) = (found["content"] for _, found in made.elements if "http-equiv" in found)
    assert str(policy).startswith("default-src 'none';")
    assert "@import" not in (styles := _styles())
    assert "url(" not in styles
    assert not [name for _, found in made.elements for name in found if name.startswith("on")]


def test_every_colour_of_a_chart_is_defined_for_light_and_for_dark() -> None:
    light, dark = _styles().split("prefers-color-scheme: dark", 1)
    used = {text for text in texts(page(*benchmark_cases()).figures()) if text.startswith("--")}
    assert len(used) > 8
    for colour in used:
        assert f"{colour}: #" in light
        assert f"{colour}: #" in dark


def test_without_a_sequential_run_the_page_says_what_is_unknown() -> None:
    made = page(alone())
    assert made.titles(3) == SECTIONS
    assert "There was no sequential run, so there is no speedup to tell of." in made.shown
    assert "There was no sequential run to compare the results with." in made.shown
    assert "Without a sequential run it is not known" in made.shown
    assert len(made.figures()) == 4


def test_a_run_without_items_renders() -> None:
    nothing = run_summary(total_processed=0, successful=0, batches=0)
    made = page(alone(parallel=nothing, parallel_trace=no_trace(), diagnosis=None, failures=()))
    assert made.figures() == []
    assert "There were no items, so no worker had anything to do." in made.shown
    assert "There were no errors." in made.shown


def test_coroutines_have_no_timeline_and_the_page_says_why() -> None:
    made = page(case(parallel_trace=replace(case().parallel_trace, spans=())))
    assert "these workers are coroutines" in made.shown
    assert len(made.figures()) == 4


def test_a_report_without_cases_machine_and_settings_renders() -> None:
    made = Page(render_html("main.py benchmark", {}, {}, []))
    assert "There are no cases to tell of." in made.shown
    assert made.figures() == []


def test_a_sweep_shows_its_points_its_limit_and_its_fit() -> None:
    figure = page(case(sweep=sweep(), comparison=None)).figures()[2]
    assert [trace["name"] for trace in figure["data"]] == ["limit", "fit (USL)", "measured"]
    assert figure["data"][2]["y"] == [1.0, 1.93, 3.6, 6.1, 7.15, 7.4, 6.2]


def test_an_interrupted_run_is_called_so() -> None:
    assert (
        "The run was stopped before its end."
        in page(alone(parallel=run_summary(interrupted=True))).shown
    )


def test_results_that_differ_are_shown_with_the_reason() -> None:
    compared = comparison(results_match=False, verdict=differing("{1, 2}"))
    shown = page(case(comparison=compared)).shown
    assert "✗ no" in shown
    assert "The results hold sets, whose order is chance." in shown
    assert "{1, 2}" in shown
    assert "}2 ,1{" in shown


def test_figures_that_are_not_finite_are_left_out_of_the_charts() -> None:
    compared = comparison(limit=float("inf"), speedup=float("nan"))
    speedups = page(case(comparison=compared)).figures()[2]["data"]
    assert speedups[0]["y"] == [None, None]
    assert speedups[2]["y"] == [None]


def test_the_same_input_gives_the_same_page() -> None:
    assert render_html("x", SETTINGS, MACHINE, [case()]) == render_html(
        "x", SETTINGS, MACHINE, [case()]
    )


def test_the_error_for_a_missing_plotly_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    packed_plotly.cache_clear()
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(UsageError, match=r"needs plotly .*pip install -r requirements-html.txt"):
        render_html("main.py compare", SETTINGS, MACHINE, [case()])


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_draws_every_chart_and_shows_hostile_text_as_text(tmp_path: Path) -> None:
    hostile = hostile_case("<script>alert(1)</script>")
    file = tmp_path / "report.html"
    file.write_text(
        render_html("main.py benchmark", SETTINGS, MACHINE, [hostile, *benchmark_cases()]),
        encoding="utf-8",
    )
    drawn = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=30000",
            "--dump-dom", file.as_uri(),
        ],
        capture_output=True, text=True, timeout=100, check=True,
    ).stdout  # fmt: skip
    plots = drawn.count('role="img" aria-label=')
    assert plots == 21
    assert drawn.count('class="plot js-plotly-plot"') == plots
    assert drawn.count('<svg class="main-svg"') >= plots
    texts_drawn = re.findall(r"<text[^>]*>(.*?)</text>", drawn, re.DOTALL)
    assert sum("&lt;script&gt;alert(1)&lt;/script&gt;" in text for text in texts_drawn) == 2
    assert 'id="no-charts" hidden' in drawn


def _styles() -> str:
    text = render_html("x", {}, {}, [])
    return text[text.index("<style>") : text.index("</style>")]
