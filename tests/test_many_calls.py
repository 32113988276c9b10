"""Many calls in one process: right results, and nothing that piles up."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("calls", "nested", "threaded"),
    [
        (500, 100, 50),
        pytest.param(10_000, 1000, 200, marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
)
def test_many_calls_leave_nothing_behind(calls: int, nested: int, threaded: int) -> None:
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "tests" / "many_calls.py"),
            str(calls),
            str(nested),
            str(threaded),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "packages" / "batchmap")},
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    grown_mb = after.pop("resident_mb") - before.pop("resident_mb")
    new_descriptors = after.pop("descriptors") - before.pop("descriptors")
    assert after == before
    assert new_descriptors <= 2  # what is opened once, and kept
    assert grown_mb < 20
