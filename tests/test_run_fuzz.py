"""Random items through a source, the recorder and a sink: equal, or an error that says why."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from batchmap.command.run_settings import RunSettings
from batchmap.job import Job
from batchmap.lone_surrogates import unescape
from hypothesis import given, settings
from hypothesis import strategies as st

from batchmap_workbook.graphs import create_parallel_graph

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**60), 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),  # lone surrogates included
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(), part, max_size=4),
    max_leaves=12,
)
ODD_RESULTS = [
    (float("nan"), None),
    (float("inf"), None),
    ({1, 2}, [1, 2]),
    ({1: "one"}, {"1": "one"}),
]
"""Results, and what is read of them."""
FAILING = b"bytes"


def run(
    directory: Path, source: Path, output: str, results: dict[int, Any], **options: Any
) -> tuple[list[str], dict[int, str]]:
    """Run with `results` as what the function returns, one after another; return lines, errors."""
    chosen = RunSettings.of(
        task="any:thing",
        source=str(source),
        output=str(directory / output),
        backend="sequential",
        keep_order=True,
        quiet=True,
        **options,
    )
    left = iter(range(len(results)))
    with Job(lambda _: results[next(left)], chosen) as job:
        job.open()
        create_parallel_graph(chosen, job=job, stop=job.stop, shows=False).run({})
    errors = directory / f"{output}.errors.jsonl"
    lines = errors.read_text("utf-8").split("\n")[:-1] if errors.exists() else []
    failed = {line["index"]: line["error"] for line in map(json.loads, lines)}
    return (directory / output).read_text("utf-8").split("\n")[:-1], failed


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        pytest.fail(f"{name} is no JSON")

    return unescape(json.loads(text, parse_constant=refuse))


@settings(max_examples=60, deadline=None)
@given(st.lists(VALUES, max_size=8), st.data())
def test_json_lines_come_out_as_they_went_in(items: list[Any], data: st.DataObject) -> None:
    pairs = st.sampled_from([*ODD_RESULTS, (FAILING, None)]) | VALUES.map(lambda one: (one, one))
    drawn = [data.draw(pairs) for _ in items]
    results = dict(enumerate(result for result, _ in drawn))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        source = directory / "in.jsonl"
        source.write_text("".join(json.dumps(item) + "\n" for item in items))
        lines, failed = run(directory, source, "out.jsonl", results)
    written = {record["index"]: record for record in map(strict, lines)}
    assert written.keys() | failed.keys() == set(range(len(items)))
    assert not written.keys() & failed.keys()
    for index, record in written.items():
        assert (record["item"], record["result"]) == (items[index], drawn[index][1])
    assert failed.keys() == {index for index, result in results.items() if result == FAILING}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8))
def test_lines_of_text_come_out_as_they_went_in(items: list[str]) -> None:
    items = [item.replace("\n", "").rstrip("\r") for item in items]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        source = directory / "in.txt"
        source.write_bytes("".join(item + "\n" for item in items).encode())
        lines, failed = run(directory, source, "out.jsonl", dict(enumerate(items)))
    records = list(map(strict, lines))
    expected = [items[0].removeprefix("\ufeff"), *items[1:]]  # a mark of the byte order
    assert not failed
    assert [record["item"] for record in records] == expected
    assert [record["result"] for record in records] == items


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({"a": st.text(st.characters()), "b": st.integers()}),
        min_size=1,
        max_size=8,
    )
)
def test_cells_of_csv_come_out_as_they_went_in(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        source = directory / "in.txt"
        source.write_text("x\n" * len(rows))
        _, failed = run(directory, source, "out.csv", dict(enumerate(rows)))
        with (directory / "out.csv").open(newline="", encoding="utf-8") as file:
            found = list(csv.DictReader(file, strict=True))
    assert failed == {}
    assert unescape(found) == [{"a": row["a"], "b": str(row["b"])} for row in rows]
