"""The pages: commands and code run, what is generated is up to date, links lead to something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from batchmap_workbook.graphs import create_comparison_graph, create_parallel_graph
from batchmap_workbook.utils.analysis.bottlenecks import CAUSES
from docs import describe_export, describe_options
from tests.conftest import ROOT
from tests.pages import (
    commands,
    fenced,
    make_inputs,
    make_own_files,
    run_cell,
    run_code,
    run_command,
    shown_files,
)

PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        ROOT / "packages" / "batchmap" / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "examples").glob("**/*.md")),
    )
}

RUN_HERE = [name for name in PAGES if not name.startswith("examples/")]
"""Examples have tests of their own."""

LONG = {"200000", "--sweep", "--suite", "number", "text", "--export-html"}
"""Words of commands that take seconds each; what they do has shorter tests elsewhere."""

FAILING = {"mixed.txt": 1, "words.txt": 4}
"""Exit codes of commands that show what becomes of bad items, by their input."""


def _once_each() -> list[object]:
    """Return every command with the first page that shows it."""
    found: dict[str, str] = {}
    for name in RUN_HERE:
        for command in commands(PAGES[name]):
            found.setdefault(command, name)
    found.pop("python main.py benchmark")  # in test_main
    return [
        pytest.param(
            name,
            command,
            id=f"{name}: {command}",
            marks=pytest.mark.slow if LONG & set(command.split()) else (),
        )
        for command, name in found.items()
    ]


@pytest.mark.parametrize(("name", "command"), _once_each())
def test_each_command_runs(name: str, command: str, tmp_path: Path) -> None:
    make_inputs(tmp_path)
    make_own_files(PAGES[name], tmp_path)
    done = run_command(command, tmp_path)
    code = next((code for word, code in FAILING.items() if word in command.split()), 0)
    assert done.returncode == code
    if code == 0:
        expected = done.stdout and "Results: " in done.stderr  # the summary, where results are data
        assert done.stderr == "" or expected
    for path, held in shown_files(PAGES[name], command).items():
        assert (tmp_path / path).read_text() == held


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param(name, code, id=f"{name} {number}")
        for name in RUN_HERE
        for number, code in enumerate(fenced(PAGES[name], "python"), 1)
    ],
)
def test_each_block_of_code_runs(name: str, code: str, tmp_path: Path) -> None:
    make_own_files(PAGES[name], tmp_path)
    done = run_code(code, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_notebook_shows_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    [cell] = fenced(PAGES["docs/recipes.md"], "python notebook")
    assert run_cell(cell).startswith('<progress value="2000" max="2000"></progress> 2,000/2,000')


def test_a_recipe_for_each_result_that_is_shown() -> None:
    page = PAGES["docs/recipes.md"]
    shown = [path for command in commands(page) for path in shown_files(page, command)]
    assert len(shown) == page.count("\n$ cat ")


@pytest.mark.parametrize("name", PAGES)
def test_each_link_leads_to_a_file_and_a_heading(name: str) -> None:
    text = re.sub(r"(?ms)^```.*?^```$", "", PAGES[name])
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, heading = target.partition("#")
        page = (ROOT / name).parent / path if path else ROOT / name
        assert page.exists(), target
        if heading:
            assert heading in _anchors(page.read_text()), target


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.*)$", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_drawings_are_those_of_the_graphs() -> None:
    assert fenced(PAGES["docs/demonstration.md"], "mermaid") == [
        create_comparison_graph().to_mermaid(),
        create_parallel_graph().to_mermaid(),
    ]


def test_the_options_are_those_of_the_table() -> None:
    assert PAGES["docs/options.md"] == describe_options.document()


def test_the_fields_of_the_export_are_those_of_the_records() -> None:
    assert PAGES["docs/export.md"] == describe_export.document()


def test_every_cause_of_lost_speed_is_listed() -> None:
    table = re.search(r"(?ms)^\| loss \| causes \|.*?^$", PAGES["docs/report.md"])
    assert table is not None
    listed = re.findall(r"[|,] ([^|,]+?)(?= \||,)", table[0])
    assert set(CAUSES) <= set(listed)


def test_every_file_that_a_contributor_is_sent_to_is_there() -> None:
    text = re.sub(r"(?ms)^```.*?^```$", "", PAGES["CONTRIBUTING.md"])
    for name in re.findall(r"`((?:batchmap|utils|tests|benchmarks|docs|packages)/[\w/.]+)`", text):
        assert (ROOT / re.sub("^batchmap/", "packages/batchmap/batchmap/", name)).exists(), name
