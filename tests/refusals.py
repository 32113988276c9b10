"""Calls with options that make no sense, each refused in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from batchmap import UsageError, parallel_map, run, stream_map


def assert_refused(options: dict[str, Any], fault: str, directory: Path) -> None:
    """Assert that calls and `run` refuse the options with this message."""
    for call in (parallel_map, stream_map):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  # compared below
            call(abs, [1], **options)
        assert str(caught.value) == fault
    with pytest.raises(UsageError) as refused:
        run(abs, [1], directory / "out.jsonl", **options)
    assert str(refused.value) == fault
