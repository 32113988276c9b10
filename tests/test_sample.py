"""`sample`: items at random over all of the input, the same ones for the same seed."""

from __future__ import annotations

import io
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, UsageError, run
from batchmap.sources import open_source
from batchmap.sources.sampled import Sampled

from tests.syncing import calls, lines, results, sync
from tests.syncing import sync_directory as sync_directory  # a fixture of every test here


def sample(number: int, seed: int = 0, spec: str = "in.txt") -> Sampled:
    return Sampled(open_source(spec), number, seed=seed)


def items(source: Sampled) -> list[Any]:
    return [item for item, _, _ in source.records()]


def work(item: Any) -> Any:
    calls.append(item)
    return item


def test_a_sample_is_in_input_order_with_its_places_and_the_same_each_time() -> None:
    lines(*map(str, range(5000)))
    source = sample(50)
    found = items(source)
    assert (len(set(found)), source.total, source.fraction()) == (50, 50, 1.0)
    assert found == sorted(found, key=int) == items(source) == items(sample(50))
    assert [source.place(where) for _, _, where in source.records()] == [
        f"in.txt line {int(item) + 1}" for item in found
    ]
    assert items(sample(50, seed=1)) != found


def test_each_item_has_the_same_chance() -> None:
    lines(*map(str, range(20)))
    counts = Counter(item for seed in range(2000) for item in items(sample(5, seed)))
    # 500 expected of each, with a standard deviation of 19.
    assert len(counts) == 20
    assert all(400 < count < 600 for count in counts.values())


@pytest.mark.parametrize("size", [3, 4])
def test_an_input_without_more_items_is_taken_whole(size: int) -> None:
    lines("a", "b", "c")
    assert items(sample(size)) == ["a", "b", "c"]
    lines()
    assert items(sample(size)) == []


def test_an_input_that_is_read_once_is_sampled_as_a_file_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines(*map(str, range(300)))
    stream = io.TextIOWrapper(io.BytesIO(Path("in.txt").read_bytes()))
    monkeypatch.setattr(sys, "stdin", stream)
    source = sample(7, spec="-")
    assert items(source) == items(source) == items(sample(7))


def test_a_resume_takes_the_same_sample_and_another_one_is_refused() -> None:
    lines(*map(str, range(100)))
    run(work, "in.txt", "out.jsonl", sample=10, backend="sequential")
    assert results() == items(sample(10))
    calls.clear()
    run(work, "in.txt", "out.jsonl", mode="resume", sample=10, backend="sequential")
    assert calls == []
    others: list[tuple[dict[str, Any], str]] = [
        ({"sample": 20}, "^sample was 10 when the run began and is 20 now; mode='overwrite'"),
        ({"sample": 10, "seed": 1}, "^seed was 0 when the run began and is 1 now"),
        ({}, "^sample was 10 when the run began and is not given now"),
    ]
    for other, message in others:
        with pytest.raises(InputError, match=message):
            run(work, "in.txt", "out.jsonl", mode="resume", **other)


def test_a_sync_goes_on_from_a_sample_to_the_whole() -> None:
    lines(*map(str, range(100)))
    sync("in.txt", function=work, sample=10)
    taken = list(calls)
    assert sync("in.txt", function=work) == (10, 0, 90, 0, 0)
    assert not set(taken) & set(calls)
    assert results() == [str(number) for number in range(100)]


def test_a_sample_of_rows_of_files_of_paths_and_of_items() -> None:
    for name in "abcd":
        Path(f"{name}.csv").write_text(f"n\n{name}1\n{name}2\n")
    run(work, "*.csv", "rows.jsonl", rows=True, sample=3, key="n", backend="sequential")
    assert [type(row["n"]) for row in results("rows.jsonl")] == [str] * 3
    run(work, "*.csv", "paths.jsonl", sample=3, backend="sequential")
    assert set(results("paths.jsonl")) < {"a.csv", "b.csv", "c.csv", "d.csv"}
    run(work, range(1000), "items.jsonl", sample=3, backend="sequential")
    assert len(results("items.jsonl")) == 3
    assert results("items.jsonl") != [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 1}, "^seed says which items sample takes; add sample, or leave it out$"),
        ({"sample": 3, "limit": 3}, "^limit takes the first items and sample some of all; give"),
        ({"sample": 0}, "^sample must be at least 1, got 0; for example 100$"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, int], message: str) -> None:
    lines("a")
    with pytest.raises(UsageError, match=message):
        run(work, "in.txt", "out.jsonl", **options)  # type: ignore[arg-type]
    assert not Path("out.jsonl").exists()
