"""The columns of a CSV output are those of the first items, in whatever order these finish."""

from __future__ import annotations

import csv
import io
import itertools
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from batchmap import run
from batchmap.checkpoint import csv_header
from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.verification import verify_output
from batchmap.sinks import OutputForm
from batchmap.sinks.csv.rows import CsvSink
from batchmap.sinks.text_file.compressed_file import opened_text
from batchmap.storage.formats import COMPRESSIONS


def rows(path: Path) -> list[dict[str, str]]:
    compression = path.suffix if path.suffix in COMPRESSIONS else ""
    with io.TextIOWrapper(opened_text(path, compression), newline="", encoding="utf-8") as file:
        return list(
            csv.DictReader(file, strict=True, delimiter="\t" if "tsv" in path.name else ",")
        )


def sound(path: Path) -> bool:
    return verify_output(path, Path(f"{path}.errors.jsonl")).differences == []


def third(number: int) -> dict[str, Any]:
    return {"n": number, "third": str(number)} if number % 3 == 2 else {"n": number}


def late(number: int) -> Any:
    """Return a column of its own at 500 and from 700 on, others at first, and some that is none."""
    if number in (3, 40):
        return None if number == 3 else number
    more = {"own": {"x": [number]}, "text": "007"} if number == 500 or number >= 700 else {}
    return {"n": number, **({"early": number} if number == 60 else {}), **more}


@pytest.mark.parametrize("backend", ["thread", "process", "sequential"])
def test_nothing_is_lost_where_every_third_has_a_column_more(tmp_path: Path, backend: str) -> None:
    path = tmp_path / "out.csv"
    done = run(third, range(1000), path, backend=backend, workers=2)
    assert (done.written, done.failed) == (1000, 0)
    found = sorted(rows(path), key=lambda row: int(row["n"]))
    assert path.read_text().startswith("n,third\n")
    assert [row["third"] for row in found] == [third(one).get("third", "") for one in range(1000)]
    assert sound(path)


def test_a_later_column_is_kept_beside_the_others_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "out.csv"
    with caplog.at_level(logging.WARNING):
        assert run(late, range(800), path, batch_size=7, keep_order=True).failed == 0
    [told] = [one.getMessage() for one in caplog.records]
    assert "a result has the column 'own', which the first ones had not" in told
    found = rows(path)
    assert list(found[0]) == ["n", "result", "early", "_extra"]
    assert (found[3]["n"], found[40]["result"], found[60]["early"]) == ("", "40", "60")
    extra = [json.loads(row["_extra"]) if row["_extra"] else None for row in found]
    assert [index for index, one in enumerate(extra) if one] == [500, *range(700, 800)]
    assert extra[500] == {"own": {"x": [500]}, "text": "007"}
    assert sound(path)


@pytest.mark.parametrize("order", list(itertools.permutations([3, 40, 60, 500])))
def test_the_columns_are_the_same_whichever_item_ends_first(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    path = tmp_path / "out.csv"

    sink_order = [*order, *(one for one in range(510) if one not in order)]
    write_in_order(path, late, sink_order)
    assert path.read_text().split("\n")[0] == "n,result,early,_extra"
    found = {row["n"]: row for row in rows(path)}
    assert found["60"]["early"] == "60"
    assert json.loads(found["500"]["_extra"]) == {"own": {"x": [500]}, "text": "007"}
    assert len(rows(path)) == 510


def write_in_order(
    path: Path, function: Callable[[int], Any], order: list[int], output_format: str = "csv"
) -> None:
    """Write results as they would come from items that end in some order."""
    fingerprint = {"output_format": output_format, "record": "result", "defuse_formulas": False}
    form = OutputForm.of(fingerprint)
    journal = Journal(Path(f"{path}.journal"))
    journal.begin(fingerprint)
    csv_sink = form.sink(path)
    assert isinstance(csv_sink, CsvSink)
    sink = csv_header.HeaderedCsv(csv_sink, path, journal, form)
    sink.start(0)
    for index in order:
        pieces, failures = sink.encode([index], (), [sink.encoder(function(index))])
        assert failures == {}
        journal.add_done(index, 1, bytes(16), sink.write(pieces))
    end = sink.sync()
    if sink.digest is not None:
        journal.add_stretch(end, sink.digest)
    journal.commit()
    sink.finish()
    journal.close()
    sink.close()


@pytest.mark.parametrize("output_format", ["tsv", "csv.gz", "tsv.zst"])
def test_any_output_with_a_header_is_written_anew(tmp_path: Path, output_format: str) -> None:
    path, plain = tmp_path / f"out.{output_format}", tmp_path / "out.csv"
    order = [500, 3, 60, 40, *(one for one in range(510) if one not in (500, 3, 60, 40))]
    write_in_order(path, late, order, output_format)
    write_in_order(plain, late, order)
    assert rows(path) == rows(plain)
    assert sound(path)


def test_a_column_of_a_first_item_that_others_had_before_is_no_extra(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_in_order(path, lambda index: {"n": index, "b": 1} if index in (5, 150) else {"n": index},
                   [0, 150, *range(1, 150)])  # fmt: skip
    assert path.read_text().split("\n")[0] == "n,b"
    assert {row["n"] for row in rows(path) if row["b"]} == {"5", "150"}


def test_a_run_that_goes_on_still_chooses_by_the_first_items(tmp_path: Path) -> None:
    path, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    for end in (20, 60, 300, 800):
        assert run(late, range(end), path, mode="resume" if end > 20 else "new").failed == 0
        assert sound(path)
    run(late, range(800), whole, keep_order=True)
    assert sorted(path.read_text().split("\n")) == sorted(whole.read_text().split("\n"))


def test_a_resume_with_items_to_do_among_many_that_are_done_may_get_a_new_header(
    tmp_path: Path,
) -> None:
    items, output = list(range(100)), tmp_path / "out.csv"

    def fails(item: int) -> Any:
        if item % 2:
            raise ValueError(item)
        return {"id": item}

    run(fails, items, output)
    run(
        lambda item: {"id": item, **({"late": "x"} if item == 1 else {})},
        items, output, mode="resume", retry_failed=True, accept_task=True,
    )  # fmt: skip
    rows = [row["id"] for row in csv.DictReader(output.read_text().splitlines())]
    assert sorted(map(int, rows)) == items
    assert verify_output(output, tmp_path / "out.csv.errors.jsonl").differences == []


def test_a_sync_keeps_the_columns_and_adds_the_extra_one(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    run(late, range(200), path)
    done = run(late, [*range(150), 710, *range(150, 300), 500], path, mode="sync")
    assert (done.written, done.written_before, done.failed) == (102, 200, 0)
    found = rows(path)
    assert [row["n"] for row in found[149:152]] == ["149", "710", "150"]
    assert list(found[0]) == ["n", "result", "early", "_extra"]
    assert [index for index, row in enumerate(found) if row["_extra"]] == [150, 301]
    assert sound(path)


def test_failed_items_are_among_the_first(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"

    def odd(number: int) -> Any:
        if number < 50:
            raise ValueError(number)
        return {"n": number, f"c{number // 50}": 1}

    assert run(odd, range(160), path, backend="sequential").failed == 50
    assert path.read_text().startswith("n,c1,_extra\n")
    assert len(rows(path)) == 110
    assert sound(path)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", ["_copy", "replace_output", "settle"])
@pytest.mark.parametrize("mode", ["new", "sync"])
@pytest.mark.parametrize("name", ["out.csv", "out.tsv.gz"])
def test_a_kill_while_the_header_is_written_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: str, mode: Any
) -> None:
    path = tmp_path / name
    options: dict[str, Any] = {"backend": "sequential", "batch_size": 5}
    if mode == "sync":
        run(late, range(200), path)

    def kill(*arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        owner = "HeaderedCsv." if step == "_copy" else ""
        patched.setattr(f"batchmap.checkpoint.csv_header.{owner}{step}", kill)
        with pytest.raises(Killed):
            run(late, range(600), path, mode=mode, **options)
    run(late, range(600), path, mode="sync" if mode == "sync" else "resume", **options)
    found = rows(path)
    assert len(found) == 600
    assert [row["n"] for row in found if row["_extra"]] == ["500"]
    assert [row["n"] for row in found if row["early"]] == ["60"]
    assert sound(path)
    assert {one.name for one in tmp_path.iterdir()} == {name, f"{name}.journal"}
