"""The HTML report: what it says, in which order, and what it leaves out."""

from __future__ import annotations

import pytest
from batchmap.run_outcome import ErrorExample, SlowItem

from batchmap_workbook.utils.reporting import render_html, render_run
from tests.fakes import run_outcome, run_summary
from tests.fakes_report import (
    benchmark_cases,
    case,
    comparison,
    contents,
    coroutines,
    differing,
    recommendation,
    regressions,
    sweep,
)
from tests.fakes_trace import no_trace, trace
from tests.html_page import alone, bars, page

pytest.importorskip("plotly", reason="needs requirements-html.txt")

SECTIONS = [
    "Errors",
    "Where the workers went",
    "Timeline",
    "Speedup by workers",
    "Item times",
    "Plan",
    "Settings",
    "Machine",
]


def test_a_comparison_has_every_section_and_every_chart() -> None:
    made = page(case())
    assert made.titles(2) == ["Comparison", "Conditions"]
    assert made.titles(3) == SECTIONS
    assert [figure["id"] for figure in made.figures()] == [f"chart-{n}" for n in range(1, 4)]


def test_what_a_reader_sees_first_is_the_verdict_the_loss_and_what_made_it() -> None:
    shown = page(case()).shown
    shown = shown[shown.index("Skip to the report") :]
    first = (
        "Parallel Batch Processing Performance Report",
        "7.59x faster on 8 threads, 97.1% of what was possible; results match",
        "Largest loss",
        "tail (long last batches), 0.38 of 8 workers lost: Use smaller batches: --batch-size 1.",
        "First failure",
        "2026-01-02 03:04 UTC",
        "ada",
        "batchmap 1.0.0",
        "Python 3.12.4",
        "python main.py compare 100 8",
        "One after another",
    )
    places = [shown.index(text) for text in first]
    assert places == sorted(places)


def test_the_headline_is_the_time_before_and_after_with_three_cards() -> None:
    made = page(case())
    figures = ("7.59x", "50.10s", "6.60s", "6.41s", "97.1%", "15.2 items/sec", "✓ yes", "94.9%")
    assert all(figure in made.shown for figure in figures)
    assert bars(made) == {"before": "100.00%", "good": "13.17%", "possible": "12.79%"}
    assert sum(found.get("class") == "value" for _, found in made.elements) == 3
    assert "rounds" not in made.shown


def test_what_counts_for_nothing_is_grey() -> None:
    compared = comparison(results_match=False, verdict=differing("x"))
    made = page(case(comparison=compared))
    assert bars(made) == {"void": "13.17%", "possible": "12.79%"}
    assert "counts for nothing, as results differ" in made.shown


@pytest.mark.parametrize(("speedup", "look"), [(1.05, "warning"), (0.5, "warning"), (1.2, "good")])
def test_the_bar_is_green_only_where_there_is_a_gain(speedup: float, look: str) -> None:
    compared = comparison(speedup=speedup, parallel_time=50.1 / speedup)
    assert look in bars(page(case(comparison=compared, failures=())))


def test_several_rounds_show_how_far_they_lie_apart() -> None:
    shown = page(benchmark_cases()[1]).shown
    assert "3.10x to 3.40x in 3 rounds" in shown
    assert "Each round" in shown
    assert "something else was at work on the machine" in shown


def test_a_benchmark_begins_with_all_cases_and_links_to_each() -> None:
    cases = benchmark_cases()
    made = page(
        *cases, recommendations=[recommendation()], regressions=regressions(), notes=["no pillow"]
    )
    assert made.titles(2) == ["Overview", *(one.name for one in cases), "Conditions"]
    assert made.titles(3)[:4] == [
        "All cases", "Recommendations", "Against an earlier run", "Notes",
    ]  # fmt: skip
    assert "1 of 2 figures got slower beyond the noise." in made.shown
    links = [str(attributes["href"]) for tag, attributes in made.elements if tag == "a"]
    assert links.count("#case-3") == 3  # contents, bar, row


def test_the_scenarios_of_a_benchmark_are_folded_with_their_speedup() -> None:
    made = page(*benchmark_cases())
    folded = [found for tag, found in made.elements if tag == "details" and "id" in found]
    assert [found["id"] for found in folded] == ["case-1", "case-2", "case-3"]
    assert not any("open" in found for found in folded)
    assert "97.1% of what was possible" in made.shown


def test_without_a_sequential_run_nothing_is_compared() -> None:
    made = page(alone())
    assert made.titles(3) == [title for title in SECTIONS if title != "Speedup by workers"]
    assert made.titles(2) == ["Run", "Conditions"]
    assert "Without a sequential run it is not known" in made.shown
    assert bars(made) == {"work": "88.75%", "tail": "11.25%"}
    assert len(made.figures()) == 2


def test_a_run_says_how_it_ended_and_where_its_results_are_as_on_the_terminal() -> None:
    outcome = run_outcome(failed=5, errors=(ErrorExample("ValueError", 5, "in.txt line 3", "no"),))
    ran = alone(outcome=outcome, held_back="the items, which wait", diagnosis=None)
    shown = page(ran).shown
    report = render_run(ran, details=False)
    for text in (
        "Run complete, 5 items failed",
        "5 times, first at in.txt line 3: ValueError: no",
        "the items, which wait",
        "95 in out.jsonl",
        "5 in out.jsonl.errors.jsonl",
    ):
        assert text in shown
        assert text in report


def test_a_run_without_items_has_no_figures() -> None:
    nothing = run_summary(total_processed=0, successful=0, batches=0)
    made = page(alone(parallel=nothing, parallel_trace=no_trace(), diagnosis=None, failures=()))
    assert made.figures() == []
    assert made.titles(3) == ["Plan", "Settings", "Machine"]
    assert "There were no items, so there was nothing to do" in made.shown


def test_coroutines_are_shown_as_how_many_were_in_flight() -> None:
    made = page(coroutines())
    figure = made.figures()[0]
    assert figure["data"][0]["y"] == [1000.0, *[2000.0] * 8, 500.0]
    assert figure["data"][0]["x"][:2] == [0.25, 0.75]
    assert figure["data"][1]["y"] == [2000, 2000]
    assert "Items in flight over 5.00s: 1,750 on average, of at most 2,000 at once." in made.shown


@pytest.mark.parametrize(
    ("workers", "kind", "rows"), [(1, "bar", 1), (40, "bar", 40), (41, "heatmap", 41)]
)
def test_more_workers_than_rows_on_a_screen_are_shown_by_their_density(
    workers: int, kind: str, rows: int
) -> None:
    figure = page(case(parallel_trace=trace(workers=workers, batches=2 * workers))).figures()[0]
    assert figure["data"][0]["type"] == kind
    if kind == "heatmap":
        assert len(figure["data"][0]["z"]) == rows
        assert max(max(row) for row in figure["data"][0]["z"]) == 1.0
    assert figure["layout"]["height"] <= 520


def test_hundreds_of_workers_share_rows() -> None:
    run = trace(workers=200, batches=200)
    [busy, *_] = page(case(parallel_trace=run)).figures()[0]["data"]
    assert (len(busy["z"]), busy["dy"], busy["y0"]) == (67, 3, 1)
    mean = sum(map(sum, busy["z"])) / 160 * run.wall_s * 3
    assert mean == pytest.approx(sum(span.busy_s for span in run.spans), rel=0.01)


def test_settings_that_were_given_are_shown_and_the_rest_is_folded() -> None:
    made = page(case())
    assert "2 more, by default" in made.shown
    assert made.shown.index("data/*.jsonl") < made.shown.index("2 more, by default")
    assert made.shown.index("2 more, by default") < made.shown.index("Quiet")
    assert "All are as by default." in page(case(), changed=()).shown


def test_slow_items_have_a_section_with_what_they_share_first() -> None:
    slow = SlowItem(3, "a.txt line 4", 1.5, 1, 2, "2026-01-02T03:04:05.678+00:00", 70, None)
    run = run_summary(slowest=(slow,), slowest_share=("1 of 1 is large",))
    made = page(case(parallel=run))
    assert "Slowest items" in made.titles(3)
    assert made.shown.index("1 of 1 is large") < made.shown.index("a.txt line 4")
    section = made.shown[made.shown.index("1 of 1 is large") :]
    assert "Bytes" in section
    assert "Host" not in section


def test_a_report_without_cases_machine_and_settings_has_its_verdict() -> None:
    made = page(verdict="Interrupted after no items", machine={}, settings={}, changed=())
    assert "Interrupted after no items" in made.shown
    assert made.titles(2) == []
    assert made.figures() == []


def test_a_sweep_shows_its_points_its_limit_and_its_fit() -> None:
    figure = page(case(sweep=sweep(), comparison=None)).figures()[1]
    assert [trace["name"] for trace in figure["data"]] == ["limit", "fit (USL)", "measured"]
    assert figure["data"][2]["y"] == [1.0, 1.93, 3.6, 6.1, 7.15, 7.4, 6.2]


def test_results_that_differ_are_shown_with_the_reason() -> None:
    compared = comparison(results_match=False, verdict=differing("{1, 2}"))
    made = page(case(comparison=compared))
    assert made.titles(3)[0] == "Results"
    for text in ("✗ no", "The results hold sets, whose order is chance.", "{1, 2}", "}2 ,1{"):
        assert text in made.shown


def test_figures_that_are_not_finite_are_left_out_of_the_charts() -> None:
    compared = comparison(limit=float("inf"), speedup=float("nan"))
    made = page(case(comparison=compared))
    speedups = made.figures()[1]["data"]
    assert speedups[0]["y"] == [None, None]
    assert speedups[2]["y"] == [None]
    assert bars(made)["possible"] == "0.00%"


def test_the_same_input_gives_the_same_page() -> None:
    assert render_html(contents(case())) == render_html(contents(case()))
