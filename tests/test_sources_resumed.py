"""Runs over the sources that are read as what they are go on where they ended, and sync."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, run

from tests.test_sources_contract import BUILDERS

NAMES = ("_json_path", "_json_of_lines", "_nul", "_text_bz2", "_csv_xz", "_zip", "_excel")


def results(output: Path) -> list[Any]:
    return [json.loads(line)["result"] for line in output.read_text().splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_goes_on_and_a_sync_finds_nothing_to_do(tmp_path: Path, name: str) -> None:
    case = BUILDERS[name](tmp_path)
    more: dict[str, Any] = {"input_format": case.input_format, "json_path": case.json_path}
    more = {option: value for option, value in more.items() if value is not None}
    output, calls = tmp_path / "out.jsonl", []

    def called(item: Any) -> Any:
        calls.append(item)
        return item

    run(called, case.spec, output, limit=2, **more, keep_order=True, backend="sequential")
    assert calls == results(output) == case.items[:2]
    run(called, case.spec, output, mode="resume", **more, keep_order=True, backend="sequential")
    assert calls == results(output) == case.items
    run(called, case.spec, output, mode="sync", **more, backend="sequential")
    assert calls == results(output) == case.items


def test_another_path_is_another_run(tmp_path: Path) -> None:
    source, output = tmp_path / "a.json", tmp_path / "out.jsonl"
    source.write_text('{"a": [1, 2], "b": [1, 2, 3]}')
    run(len_of, source, output, json_path="a")
    with pytest.raises(InputError, match="json_path was a when the run began and is b now"):
        run(len_of, source, output, mode="resume", json_path="b")


def len_of(item: Any) -> int:
    return len(f"{item}")


@pytest.mark.parametrize("good", [1, 5, 300])
def test_what_comes_before_damage_is_done_and_the_mended_file_is_gone_on_with(
    tmp_path: Path, good: int
) -> None:
    source, output = tmp_path / "a.json", tmp_path / "out.jsonl"
    begin = json.dumps(list(range(good)))[:-1]
    source.write_text(f'{begin}, {{"a": "')
    with pytest.raises(InputError, match=f"element {good + 1}: the JSON is broken or cut off"):
        run(len_of, source, output)
    assert len(results(output)) == good
    source.write_text(f'{begin}, {{"a": "x"}}]')
    outcome = run(len_of, source, output, mode="resume")
    assert (outcome.written, outcome.written_before) == (1, good)


def test_an_input_whose_first_record_cannot_be_read_costs_no_output(tmp_path: Path) -> None:
    source, output = tmp_path / "a.json", tmp_path / "out.jsonl"
    source.write_text("[1, 2]")
    run(len_of, source, output)
    source.write_text('["1')
    with pytest.raises(InputError):
        run(len_of, source, output, mode="overwrite")
    assert results(output) == [1, 1]
