"""Exports: each file whole or not at all, and each that was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from batchmap.errors import OutputError, UsageError

from tests.fakes import compared_case, run_summary
from workbook.utils.cli.settings import Settings
from workbook.utils.reporting.exports import write_export, write_exports


def test_an_export_replaces_the_file_whole(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    write_export(target, "new", option="--export-json")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_an_export_that_cannot_be_put_into_words_leaves_the_old_one(tmp_path: Path) -> None:
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
    document = {"command": "compare", "settings": settings, "machine": {}, "figure": 1.5}
    write_exports(settings, document, [case])
    assert json.loads((tmp_path / "report.json").read_text())["figure"] == 1.5
    assert "1.60x" in (tmp_path / "report.markdown").read_text()


def test_two_exports_to_one_file_are_refused(tmp_path: Path) -> None:
    same = str(tmp_path / "report")
    with pytest.raises(UsageError, match=r"--export-html .*: that is --export-json"):
        Settings.of(export_json=same, export_html=same)
