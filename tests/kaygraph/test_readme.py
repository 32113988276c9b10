"""The README: its programs run as they stand and print what it says."""

from __future__ import annotations

import re

import kaygraph
import pytest

from tests.conftest import ROOT

TEXT = (ROOT / "packages" / "kaygraph" / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", TEXT, re.DOTALL)


def test_the_readme_has_programs() -> None:
    assert len(PROGRAMS) == TEXT.count("```python") >= 3


@pytest.mark.parametrize(("program", "printed"), PROGRAMS)
def test_a_program_runs_as_it_stands_and_prints_what_the_readme_says(
    program: str, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(program, "README.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("name", kaygraph.__all__)
def test_every_public_class_is_named(name: str) -> None:
    assert f"`{name}" in TEXT
