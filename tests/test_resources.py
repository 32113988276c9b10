"""The machine: what this process may use counts, not what the host has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from batchmap.resources import describe_machine, free_memory_bytes, usable_cores

ALL = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", ALL), ("50000 100000", 1), ("100000 100000", 1), ("oops", ALL)],
)
def test_the_containers_quota_counts(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1", ALL), ("100000", 1)])
def test_the_quota_of_an_older_container_counts(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert usable_cores(tmp_path) == cores


def test_the_affinity_counts(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert usable_cores(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, before)


def test_the_machine_is_described_in_numbers_and_names() -> None:
    machine = describe_machine()
    assert machine["usable_cores"] == usable_cores()
    assert 0 < free_memory_bytes() <= machine["memory_bytes"]
