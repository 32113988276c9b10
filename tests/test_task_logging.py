"""What a task logs without any set-up of its own is shown alike, wherever its items run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import RunMain

TASK = """
import logging
logger = logging.getLogger("own")
def plain(item):
    logging.warning("root %s", item)
    logger.warning("own %s", item)
    logger.info("too fine")
    return item
async def coroutine(item): return plain(item)
"""


@pytest.mark.parametrize(
    ("task", "backend"),
    [("plain", "sequential"), ("plain", "thread"), ("plain", "process"), ("coroutine", "async")],
)
@pytest.mark.parametrize("command", ["run", "compare"])
def test_a_tasks_log_is_shown_alike(
    task: str, backend: str, command: str, tmp_path: Path, run_main: RunMain
) -> None:
    (tmp_path / "tasks.py").write_text(TASK)
    (tmp_path / "in.txt").write_text("a\n")
    names = ("", "") if command == "run" else ("--task=", "--input=")
    words = [f"{names[0]}tasks.py:{task}", f"{names[1]}in.txt", "--backend", backend]
    done = run_main(command, *words, "--no-progress", "--details")  # with warnings in the report
    assert done.returncode == 0
    lines = re.findall(r"^[a-z]+: .*", done.stderr, re.MULTILINE)
    times = 1 if command == "run" else 2
    assert lines == ["warning: root a", "warning: own: own a"] * times
