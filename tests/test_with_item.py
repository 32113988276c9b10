"""`with_item`: a row enriched, the item's columns and then the result's, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, UsageError, run
from batchmap.checkpoint.verification import verify_output

from tests.run_command import Place, place
from tests.syncing import sync, sync_directory
from tests.test_sinks import read_back

__all__ = ["place", "sync_directory"]

ITEMS = [{"id": 1, "name": "ä,"}, {"id": 2, "name": ""}, {"id": 3, "name": "x"}]
OUTPUTS = ["out.jsonl", "out.csv", "out.tsv", "out.parquet", "out.jsonl.gz"]


def score(item: Any) -> Any:
    return {"score": 0.5, "name": None}


def length(item: Any) -> Any:
    return len(str(item))


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_row_comes_first_and_the_result_wins(output: str) -> None:
    if output.endswith("parquet"):
        pytest.importorskip("pyarrow")
    run(score, ITEMS[:1], output, with_item=True, keep_order=True)
    run(score, ITEMS[:2], output, with_item=True, keep_order=True, mode="resume")
    assert sync(ITEMS, output, score, with_item=True) == (2, 0, 1, 0, 0)
    rows = read_back(Path(output))
    assert [list(row) for row in rows] == [["id", "name", "score"]] * 3
    values = [[str(value or "") for value in row.values()] for row in rows]
    assert values == [["1", "", "0.5"], ["2", "", "0.5"], ["3", "", "0.5"]]
    found = verify_output(Path(output), Path(f"{output}.errors.jsonl"))
    assert found.differences == []
    with pytest.raises(InputError, match="with_item was True when the run began and is not"):
        run(score, ITEMS, output, keep_order=True, mode="resume", record="result")


@pytest.mark.parametrize("output", OUTPUTS)
def test_an_item_that_is_no_mapping_and_a_result_that_is_none_have_columns(output: str) -> None:
    if output.endswith("parquet"):
        pytest.importorskip("pyarrow")
    run(length, ["a", "bcd"], output, with_item=True, keep_order=True)
    rows = [{name: str(value) for name, value in row.items()} for row in read_back(Path(output))]
    assert rows == [{"item": "a", "result": "1"}, {"item": "bcd", "result": "3"}]


@pytest.mark.parametrize("output", OUTPUTS)
def test_an_item_that_cannot_be_written_costs_itself(output: str) -> None:
    if output.endswith("parquet"):
        pytest.importorskip("pyarrow")
    outcome = run(length, [{"a": "1"}, {"a": 2j}, {"a": "3"}], output, with_item=True)
    assert (outcome.written, outcome.failed) == (2, 1)
    [failure] = Path(f"{output}.errors.jsonl").read_text().splitlines()
    message = "the item cannot stand beside its result: it holds a complex, which "
    assert json.loads(failure)["error"].startswith(message)
    assert json.loads(failure)["result"] == len(str({"a": 2j}))


@pytest.mark.parametrize("output", ["out.csv", "out.tsv", "out.csv.zst"])
def test_the_columns_of_enriched_rows_are_those_of_the_first_items(output: str) -> None:
    def late(item: Any) -> Any:
        return {"a": item["n"], **({"b": "x"} if item["n"] in (60, 150) else {})}

    items = [{"n": number} | ({"own": "y"} if number == 170 else {}) for number in range(200)]
    for number, mode in ((120, "new"), (200, "resume")):
        done = run(late, items[:number], output, with_item=True, mode=mode, workers=2)  # type: ignore[arg-type]
        assert done.failed == 0
    rows = sorted(read_back(Path(output)), key=lambda row: int(row["n"]))
    assert list(rows[0]) == ["n", "a", "b", "_extra"]
    assert [int(row["n"]) for row in rows if row["b"]] == [60, 150]
    assert {int(row["n"]): json.loads(row["_extra"]) for row in rows if row["_extra"]} == {
        170: {"own": "y"}
    }
    found = verify_output(Path(output), Path(f"{output}.errors.jsonl"))
    assert found.differences == []


def test_the_command_enriches_rows_also_on_stdout(place: Place) -> None:
    place.write("people.csv", 'n,"v"\n1,"a ""b"""\n')
    place.write("more.py", "def f(row): return {'v': row.pop('v').upper(), 'é': [None]}\n")
    done = place.run("more.py:f", "people.csv", "--with-item")
    line = '{"n": "1", "v": "A \\"B\\"", "é": [null]}\n'
    assert (done.returncode, done.stdout) == (0, line)
    done = place.run("more.py:f", "people.csv", "--with-item", "--record", "full")
    assert done.returncode == 2
    assert "--with-item: a full record holds the item already; leave one out" in done.stderr


def test_a_full_record_holds_the_item_already() -> None:
    with pytest.raises(UsageError, match="with_item: a full record holds the item already"):
        run(length, ["a"], "out.jsonl", with_item=True, record="full")
