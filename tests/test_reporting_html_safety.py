"""The HTML report is safe whatever the data, reachable for everybody, and drawn by a browser."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from batchmap.errors import UsageError

from batchmap_workbook.utils.analysis.records import Case
from batchmap_workbook.utils.reporting import render_html
from batchmap_workbook.utils.reporting.escaping import script_json
from batchmap_workbook.utils.reporting.html.plotly_bundle import packed_plotly
from tests.fakes_report import (
    PROVENANCE,
    benchmark_cases,
    case,
    contents,
    coroutines,
    hostile_case,
    recommendation,
    regressions,
)
from tests.html_page import CHROMIUM, Page, page, shown_by_browser, styles, texts

pytest.importorskip("plotly", reason="needs requirements-html.txt")

HOSTILE = (
    "<script>alert(1)</script><b>x</b>"
    '<a href="javascript:alert(1)" onclick=alert(1)>l</a><img src=http://x.example/ onerror=a>'
    "&lt;i&gt; '\" --> ]]> \u2028 \u202e \x1b[31m %{x} $a$ \udc80"
)
UNDRAWN, DRAWN = '<div class="plot" ', '<div class="plot js-plotly-plot" '
FETCHING = {"src", "href", "action", "data", "srcset", "poster", "formaction", "background"}


def test_no_element_and_no_attribute_comes_from_data() -> None:
    dull, hostile = (
        Page(
            render_html(
                contents(
                    hostile_case(text),
                    hostile_case(text),
                    verdict=text,
                    provenance=replace(PROVENANCE, command_line=text, host=text, version=text),
                    settings={text: text},
                    machine={text: text, "python": text},
                    recommendations=[recommendation(text)],
                    regressions=regressions(text),
                    notes=[text],
                )
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


def test_no_text_from_data_is_in_a_chart_which_plotly_would_read_as_html() -> None:
    figures = page(hostile_case(HOSTILE), hostile_case(HOSTILE)).figures()
    assert len(figures) > 3
    assert not [text for text in texts(figures) if "alert" in text]


def test_no_data_in_a_script_can_end_it() -> None:
    assert script_json({"a": "</script>&\u2028"}) == '{"a":"\\u003c/script\\u003e\\u0026\\u2028"}'
    text = render_html(contents(hostile_case(HOSTILE)))
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
    assert "@import" not in styles()
    assert "url(" not in styles()
    assert not [name for _, found in made.elements for name in found if name.startswith("on")]


@pytest.mark.parametrize("cases", [[case()], benchmark_cases()], ids=["one", "several"])
def test_every_link_leads_to_a_part_of_the_page(cases: list[Case]) -> None:
    made = page(*cases)
    anchors = [attributes["id"] for _, attributes in made.elements if "id" in attributes]
    links = {str(attributes["href"])[1:] for tag, attributes in made.elements if tag == "a"}
    assert links <= set(anchors)
    assert len(anchors) == len(set(anchors))


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


def test_every_cell_of_a_wide_table_has_its_label_for_a_phone() -> None:
    made = page(*benchmark_cases())
    cells = [found for tag, found in made.elements if tag == "td"]
    assert all(found["data-label"] for found in cells)
    assert all(found["scope"] in ("col", "row") for tag, found in made.elements if tag == "th")


def test_every_colour_is_defined_for_light_and_for_dark() -> None:
    css = styles()
    schemes = re.findall(r"(prefers-color-scheme: dark\) \{\s*)?:root \{(.*?)\}", css, re.DOTALL)
    light = "".join(block for is_dark, block in schemes if not is_dark)
    dark = "".join(block for is_dark, block in schemes if is_dark)
    charts = texts([page(one).figures() for one in (*benchmark_cases(), coroutines())])
    used = {text for text in charts if text.startswith("--")}
    used |= set(re.findall(r"var\((--[\w-]+)\)", css))
    assert len(used) > 30
    for colour in used:
        assert f"{colour}: #" in light
        assert f"{colour}: #" in dark


def test_the_error_for_a_missing_plotly_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    packed_plotly.cache_clear()
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(UsageError, match=r"needs plotly .*pip install -r requirements-html.txt"):
        render_html(contents(case()))


def test_without_scripts_nothing_is_shown_that_would_need_one() -> None:
    made = page(case())
    told = "Charts need a script to be drawn; their figures are in the tables."
    assert told in " ".join(made.shown.split())
    [button] = [found for tag, found in made.elements if tag == "button"]
    assert "hidden" in button


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_draws_the_charts_of_what_is_open(tmp_path: Path) -> None:
    drawn = shown_by_browser(tmp_path, contents(hostile_case("<script>alert(1)</script>")))
    assert (drawn.count(UNDRAWN), drawn.count(DRAWN)) == (0, 3)
    assert drawn.count('class="point"') > 100  # a bar for each batch
    assert 'id="no-charts" hidden' in drawn
    assert '<button type="button" id="copy">Copy</button>' in drawn
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in drawn
    opened = shown_by_browser(tmp_path, contents(*benchmark_cases()), at="#case-2")
    assert (opened.count(UNDRAWN), opened.count(DRAWN)) == (6, 3)
