"""In which order an output is, when nobody says, and after it was taken up again."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, UsageError, run


def _second_first() -> Callable[[int], int]:
    """Return a function of 0 and 1 whose second item ends first."""
    ended = threading.Event()

    def function(item: int) -> int:
        if item == 0:
            assert ended.wait(60)
        elif item == 1:
            ended.set()
        return item

    return function


def _run(directory: Path, function: Callable[[Any], Any], items: Any, **options: Any) -> list[int]:
    output = directory / "out.jsonl"
    run(function, items, output, backend="thread", workers=2, batch_size=1, **options)
    return [json.loads(line)["index"] for line in output.read_text().splitlines()]


def test_an_output_is_in_input_order_unless_asked_otherwise(tmp_path: Path) -> None:
    assert _run(tmp_path, _second_first(), range(2)) == [0, 1]
    free = {"mode": "overwrite", "unordered": True}
    assert _run(tmp_path, _second_first(), range(2), **free) == [1, 0]
    with pytest.raises(UsageError, match="unordered: keep_order"):
        _run(tmp_path, str, range(2), keep_order=True, **free)


def _same(item: int) -> int:
    return item


@pytest.mark.parametrize("unordered", [True, False])
def test_a_run_that_goes_on_keeps_its_order(unordered: bool, tmp_path: Path) -> None:
    _run(tmp_path, _same, range(2), unordered=unordered)
    assert len(_run(tmp_path, _same, range(4), mode="resume")) == 4
    if not unordered:
        with pytest.raises(InputError, match="keep_order was True"):
            _run(tmp_path, _same, range(5), mode="resume", unordered=True)


def _fails_before(mended: Path, item: int) -> int:
    if item == 0 and not mended.exists():
        raise ValueError("no")
    return item


@pytest.mark.parametrize(("mode", "order"), [("resume", [1, 2, 0]), ("sync", [0, 1, 2])])
def test_what_succeeds_at_a_later_try_comes_last_or_with_a_sync_in_its_place(
    mode: str, order: list[int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mended = tmp_path / "mended"

    def function(item: int) -> int:
        return _fails_before(mended, item)

    assert _run(tmp_path, function, range(3)) == [1, 2]
    mended.touch()
    with caplog.at_level(logging.WARNING):
        assert _run(tmp_path, function, range(3), mode=mode, retry_failed=True) == order
    assert ("comes after the rest" in caplog.text) == (mode == "resume")
