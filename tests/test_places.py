"""A failed item stands at the same place in the report, the errors file and all exports."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from batchmap.command.run_settings import RunSettings
from batchmap.job import Job

from batchmap_workbook.graphs import create_parallel_graph
from tests.run_command import json_lines


def _pattern(directory: Path) -> tuple[str, str]:
    for number in range(3):
        (directory / f"{'bad' if number == 1 else 'ok'}{number}.bin").write_bytes(b"x")
    return "*.bin", "bad1.bin"


def _csv(directory: Path) -> tuple[str, str]:
    (directory / "in.csv").write_text('name\nok\n"bad"\nok\n')
    return "in.csv", "in.csv line 3"


def _text(directory: Path) -> tuple[str, str]:
    (directory / "in.txt").write_text("ok\nbad\nok\n")
    return "in.txt", "in.txt line 2"


def _json_lines(directory: Path) -> tuple[str, str]:
    (directory / "in.jsonl").write_text('"ok"\n\n"bad"\n"ok"\n')
    return "in.jsonl", "in.jsonl line 3"


def _unreadable(directory: Path) -> tuple[str, str]:
    (directory / "in.jsonl").write_text('"ok"\n"ok"\n{bad\n"ok"\n')
    return "in.jsonl", "in.jsonl line 3"


def _database(directory: Path) -> tuple[str, str]:
    with sqlite3.connect(directory / "in.db") as connection:
        connection.execute("create table t (name text)")
        connection.executemany("insert into t values (?)", [("ok",), ("bad",), ("ok",)])
    connection.close()
    return "sqlite:///in.db?query=select name from t", "in.db row 2"


def _stdin(directory: Path) -> tuple[str, str]:
    return "-", "standard input line 2"


def _fail(item: Any) -> Any:
    if "bad" in str(item):
        raise ValueError("no good")
    return str(item)


def _run(directory: Path, source: str, **options: Any) -> dict[str, Any]:
    settings = RunSettings.of(
        task="tasks.py:fail",
        source=source,
        output=str(directory / "out.jsonl"),
        export_json=str(directory / "report.json"),
        export_markdown=str(directory / "report.md"),
        quiet=True,
        **options,
    )
    shared: dict[str, Any] = {}
    with Job(_fail, settings) as job:
        job.open()
        create_parallel_graph(settings, job=job, command="run", shows=False).run(shared)
    return shared


@pytest.mark.parametrize(
    "build", [_pattern, _csv, _text, _json_lines, _unreadable, _database, _stdin]
)
def test_a_failure_has_one_place_everywhere(
    build: Callable[[Path], tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"ok\nbad\nok\n")))
    source, expected = build(tmp_path)
    shared = _run(tmp_path, source)
    [failure] = json_lines(tmp_path / "out.jsonl.errors.jsonl")
    place, index, kind = failure["place"], failure["index"], failure["error_type"]
    assert expected in place
    assert f"- Error: {place}: {kind}: " in " ".join(shared["report"].split())
    report = json.loads(Path("report.json").read_text())
    outcome = report["analysis"]["outcome"]
    [error], [first] = outcome["errors"], outcome["first_failures"]
    [same_error], [record] = (
        report["parallel_metrics"]["errors"],
        report["parallel_metrics"]["unexpected_failures"],
    )
    assert error == same_error
    assert first == {"place": place, "record": record}
    assert (error["place"], error["index"], record["index"]) == (place, index, index)
    table = unescape(Path("report.md").read_text()).replace("\\", "")
    assert table.count(f"| {place} | {kind} |") == 1


def test_after_a_resume_a_failure_keeps_its_index_in_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.txt").write_text("ok\nok\n")
    _run(tmp_path, "in.txt")
    Path("in.txt").write_text("ok\nok\nbad\n")
    shared = _run(tmp_path, "in.txt", resume=True)
    [record] = shared["parallel_metrics"].unexpected_failures
    assert (record.index, shared["case"].failures[0].place) == (2, "in.txt line 3")
