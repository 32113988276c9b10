"""Reports in files: each begins with what the terminal says first, also when a run was stopped."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import Any

import pytest
from batchmap.stopping import StopRequest, Urgency

from batchmap_workbook.graphs import create_comparison_graph, create_parallel_graph
from batchmap_workbook.utils.cli.settings import Settings

pytest.importorskip("plotly", reason="needs requirements-html.txt")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a short run with a report in each format."""
    names = {f"export_{kind}": str(tmp_path / f"report.{kind}") for kind in ("markdown", "html")}
    return Settings.of(
        count=20, workers=4, latency_s=0.01, failure_rate=0, quiet=True, progress=False, **names
    )


def check(report: str, settings: Settings) -> str:
    """Check that the files say first what the text `report` does; returns that."""
    assert settings.export_html is not None
    assert settings.export_markdown is not None
    page, markdown = settings.export_html.read_text(), settings.export_markdown.read_text()
    [verdict] = [line for line in page.splitlines() if line.startswith('<p class="verdict">')]
    said = unescape(verdict).removeprefix('<p class="verdict">').removesuffix("</p>")
    title, *below = [line for line in report.splitlines() if line.strip("=")]
    assert title == "Parallel Batch Processing Performance Report"
    assert " ".join(below).startswith(said)
    assert f"\n**{said}**\n" in markdown
    return said


@pytest.mark.parametrize("create", [create_comparison_graph, create_parallel_graph])
def test_a_report_in_a_file_says_first_what_the_terminal_does(
    create: Any, settings: Settings
) -> None:
    shared: dict[str, Any] = {}
    create(settings, shows=False).run(shared)
    said = check(shared["report"], settings)
    assert "on 4 threads" in said


@pytest.mark.parametrize("create", [create_comparison_graph, create_parallel_graph])
def test_a_run_that_was_stopped_has_a_report_in_a_file(create: Any, settings: Settings) -> None:
    stop = StopRequest()
    stop.request(Urgency.DRAIN)
    shared: dict[str, Any] = {}
    create(settings, shows=False, stop=stop).run(shared)
    assert check(shared["report"], settings).startswith("Interrupted after 0 items in the ")


def test_the_command_ended_after_it_began(settings: Settings) -> None:
    shared: dict[str, Any] = {}
    create_parallel_graph(settings, shows=False).run(shared)
    assert settings.export_markdown is not None
    assert f"{shared['started']:%Y-%m-%d %H:%M} UTC, " in settings.export_markdown.read_text()
