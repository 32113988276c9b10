"""Capacity: a ratio that no machine exceeds by more than it varies."""

from __future__ import annotations

import pytest

from batchmap_workbook.utils.analysis.core_capacity import measure_capacity


def test_so_many_processes_do_no_more_than_so_many_times_the_work() -> None:
    assert 0.1 < measure_capacity(2) < 10  # other programs may take the cores meanwhile


def test_at_least_one_process_is_asked_for() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        measure_capacity(0)
