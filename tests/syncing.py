"""Syncs from Python, with a function that notes what it is called for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batchmap import OutputError, run

calls: list[Any] = []


def work(item: Any) -> Any:
    calls.append(item)
    if item in ("bad", "worse"):
        raise ValueError(f"{item} is not good")
    return item if isinstance(item, dict) else str(item).upper()


def counted_file(path: str) -> str:
    calls.append(path)
    return Path(path).read_text().upper()


@pytest.fixture(autouse=True)
def sync_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Go to an empty directory, where no sync may leave anything behind."""
    monkeypatch.chdir(tmp_path)
    calls.clear()
    yield
    left = {path.name for path in tmp_path.rglob("*")}
    assert not {name for name in left if ".sync" in name or ".draft" in name}, left


def sync(source: Any, output: str = "out.jsonl", function: Any = work, **options: Any) -> Any:
    """Sync and return the counts; `calls` holds what it called for."""
    calls.clear()
    options = {"backend": "sequential", "mode": "sync", **options}
    counts = run(function, source, output, **options).sync
    return counts and (counts.kept, counts.moved, counts.new, counts.changed, counts.gone)


def stopped_sync(monkeypatch: pytest.MonkeyPatch, *args: Any, **options: Any) -> None:
    """Sync, and fail when all is done beside the output, before that is written anew."""

    def fail(*args: Any, **options: Any) -> None:
        raise OutputError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr("batchmap.checkpoint.sync.rewrite", fail)
        with pytest.raises(OutputError, match="stopped"):
            sync(*args, **options)


def results(output: str = "out.jsonl") -> list[Any]:
    return [json.loads(line)["result"] for line in Path(output).read_text().splitlines()]


def lines(*names: str) -> str:
    Path("in.txt").write_text("".join(f"{name}\n" for name in names))
    return "in.txt"
