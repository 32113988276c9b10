"""A few runs of the crash campaign; `python -m benchmarks.crash_campaign` does 200."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.crash_campaign import ENDS, FORMATS, Trial, attempt

QUICK = ("killed at sync", "Ctrl-C", "failing rename")
"""All ends are tried by `python -m benchmarks.crash_campaign --quick`, too."""


@pytest.mark.parametrize(
    "end", [pytest.param(end, marks=() if end in QUICK else pytest.mark.slow) for end in ENDS]
)
def test_a_run_that_was_stopped_loses_nothing_and_does_nothing_twice(
    end: str, tmp_path: Path
) -> None:
    seed = ENDS.index(end)
    backend = "process" if end == "kill a worker" else "thread"
    in_order, expands = seed % 3 == 0, seed % 4 == 3
    attempt(Trial(end, FORMATS[seed % 2], "", in_order, backend, seed, expands), tmp_path)
