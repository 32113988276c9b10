"""Text that a child process hands to its parent."""

from __future__ import annotations

import os

import pytest
from batchmap.command.monitoring.run_figures import ItemCounts, RunFigures
from batchmap.command.monitoring.run_totals import Totals
from batchmap.command.monitoring.shared_text import MAX_BYTES, SharedText
from batchmap.run_outcome import ErrorExample


def test_a_parent_reads_what_a_killed_child_has_set_last() -> None:
    text = SharedText()
    assert text.get() == ""
    child = os.fork()
    if not child:
        for number in range(1000):
            text.set("é" * number)
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert text.get() == "é" * 999


def test_a_text_that_is_too_long_leaves_the_one_before() -> None:
    text = SharedText()
    text.set("x" * MAX_BYTES)
    with pytest.raises(ValueError, match="131,073 bytes are more than 131,072"):
        text.set("x" * (MAX_BYTES + 1))
    assert text.get() == "x" * MAX_BYTES


def test_the_longest_figures_have_room_and_come_back_as_they_were() -> None:
    long = "\N{SNOWMAN}" * 500
    error = ErrorExample(long, 10**15, long, long, long, 10**15)
    figures = RunFigures(
        ItemCounts(10**15, 10**15, 10**15, 10**15, 10**15),
        errors=(error,) * 5,
        totals=Totals({f"{at}{long[:98]}": 10**15 for at in range(21)}, 1, 0.5, (10**15,) * 12),
        backend="process",
        workers=8,
        total=10**15,
    )
    text = SharedText()
    text.set(figures.to_json())
    assert RunFigures.from_json(text.get()) == figures
