"""Forecasts: the time of a whole input and how sure it is, from a sample of its items."""

from __future__ import annotations

import random

import pytest
from batchmap.command.forecast import Forecast, _student, forecast
from batchmap.command.summary import render_plan

from tests.fakes import plan
from tests.run_command import Place, ended, place

__all__ = ["place"]


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.7062), (2, 4.30265), (3, 3.18245), (4, 2.77645), (9, 2.26216), (29, 2.04523),
     (99, 1.98422), (999, 1.96234)],
)  # fmt: skip
def test_the_quantiles_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert _student(freedom) == pytest.approx(quantile, abs=1e-4)


def test_a_forecast_is_the_mean_over_the_workers_with_its_range() -> None:
    found = forecast([1.0, 3.0], total=201, workers=2, rate=None)
    off_s = 12.7062 * 2**0.5 * (199 / 200 / 2) ** 0.5
    assert found.expected_s == 201.0
    assert found.range_s is not None
    least_s, most_s = found.range_s
    assert least_s == 3.0  # its longest item
    assert most_s == pytest.approx(201 * (2 + off_s) / 2, rel=1e-5)


def test_a_sample_of_all_items_leaves_nothing_to_guess() -> None:
    assert forecast([1.0, 3.0], total=2, workers=1, rate=None) == Forecast(4.0, (4.0, 4.0))


def test_one_item_tells_of_no_range_and_no_run_is_shorter_than_an_item_or_a_rate_allows() -> None:
    assert forecast([2.0], total=10, workers=2, rate=None) == Forecast(10.0, None)
    assert forecast([2.0], total=10, workers=100, rate=None) == Forecast(2.0, None)
    assert forecast([2.0], total=10, workers=100, rate=0.5) == Forecast(20.0, None)


def test_the_range_holds_the_time_about_as_often_as_it_says() -> None:
    dice = random.Random(1)
    times_s = [dice.lognormvariate(0, 0.5) for _ in range(2000)]
    held = 0
    for _ in range(400):
        found = forecast(dice.sample(times_s, 60), total=2000, workers=1, rate=None)
        assert found.range_s is not None
        held += found.range_s[0] <= sum(times_s) <= found.range_s[1]
    assert 0.91 <= held / 400 <= 0.98


def test_a_plan_shows_the_range() -> None:
    shown = render_plan(plan(predicted_s=7.34, predicted_range_s=(6.481, 8.2)))
    assert shown.endswith("- Predicted time: 7.34s, with 95% confidence from 6.48s to 8.20s\n")


def test_a_dry_run_of_a_sample_runs_it_and_forecasts_all(place: Place) -> None:
    place.numbers(1000)
    place.write(
        "slowly.py",
        "import time\n"
        "def f(item):\n"
        "    open('calls', 'a').write('x')\n"
        "    time.sleep(0.003)\n"
        "    if int(item) % 2: raise ValueError(item)\n"
        "    return 1\n",
    )
    words = ("-o", "out.jsonl", "--dry-run", "--backend", "thread", "-j", "2")
    done = place.run("slowly.py:f", "in.txt", *words, "--sample", "40")
    assert ended(done) == (0, [])
    shown = " ".join(done.stdout.split())
    assert place.text("calls") == "x" * 40
    assert "- Sampled: 40 of 1,000 items at random take " in shown
    assert 10 <= int(shown.partition(" of them failed")[0].rpartition(" ")[2]) <= 30
    expected, least, most = (
        float(word.strip("s,"))
        for word in shown.partition("Predicted time: ")[2].split()
        if word.strip("s,").replace(".", "").isdigit()
    )
    assert 1.5 <= least <= expected <= most
    assert "out.jsonl" not in place.names()


def test_of_a_piped_input_the_sample_alone_is_told(place: Place) -> None:
    words = ("-o", "out.jsonl", "--dry-run", "--sample", "3", "--backend", "sequential")
    done = place.run("tasks.py:same", "-", *words, stdin="1\n2\n3\n4\n5\n")
    assert ended(done) == (0, [])
    assert "- Sampled: 3 items at random take " in done.stdout
    assert "- Predicted time: not measured\n" in done.stdout
