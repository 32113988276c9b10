"""Exports: each file whole or not at all, and each that was asked for."""

from __future__ import annotations

import json
import math
from array import array
from pathlib import Path

import pytest
from batchmap.command.export import export_document, json_text, write_export
from batchmap.errors import OutputError, UsageError

from batchmap_workbook.utils.cli.settings import Settings
from batchmap_workbook.utils.reporting.exports import write_exports
from tests.fakes import compared_case, plan, run_summary, run_trace
from tests.fakes_report import PROVENANCE, contents


def test_an_export_replaces_the_file_whole(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    write_export(target, "new", option="--export-json")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_an_export_that_cannot_be_encoded_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_export(target, "\ud800", option="--export-json")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_export_that_cannot_be_written_names_the_option_and_the_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"--export-html .*none/x.html: cannot be written"):
        write_export(tmp_path / "none" / "x.html", "", option="--export-html")


def test_each_export_that_was_asked_for_is_written(tmp_path: Path) -> None:
    names = {f"export_{kind}": str(tmp_path / f"report.{kind}") for kind in ("json", "markdown")}
    case = compared_case(run_summary(), run_summary(total_duration=2.5, workers=2))
    settings = Settings.of(**names)
    write_exports(settings, {"figure": 1.5}, contents(case))
    assert json.loads((tmp_path / "report.json").read_text())["figure"] == 1.5
    assert "1.60x" in (tmp_path / "report.markdown").read_text()


def test_two_exports_to_one_file_are_refused(tmp_path: Path) -> None:
    same = str(tmp_path / "report")
    with pytest.raises(UsageError, match=r"--export-html .*: that is --export-json"):
        Settings.of(export_json=same, export_html=same)


def test_json_is_strict_and_what_it_does_not_know_becomes_text() -> None:
    document = {"path": Path("x"), "plan": plan(), "times": array("d", [0.5])}
    read = json.loads(json_text(document))
    assert read["path"] == "x"
    assert read["plan"]["workers"] == 2
    assert read["times"] == [0.5]
    with pytest.raises(ValueError, match="JSON"):
        json_text({"figure": math.nan})


def test_a_document_holds_the_figures_that_are_known_and_nothing_else() -> None:
    trace = run_trace(run_summary())
    figures = {"items": [1], "plan": plan(), "parallel_metrics": {}, "parallel_trace": trace}
    assert export_document("run", {"workers": 2}, {"cores": 1}, figures, PROVENANCE) == {
        "command": "run",
        "command_line": "python main.py compare 100 8",
        "host": "ada",
        "version": "1.0.0",
        "started": "2026-01-02T03:04:05.678+00:00",
        "ended": "2026-01-02T03:05:06.789+00:00",
        "settings": {"workers": 2},
        "machine": {"cores": 1},
        "plan": plan(),
        "parallel_metrics": {},
        "timeline": {"parallel": trace},
    }
