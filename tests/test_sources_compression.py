"""Compressed inputs: read as if they were not, and an error when they are damaged."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest
from batchmap.errors import UsageError
from batchmap.sources import open_source

from tests.source_inputs import compress, items_of, until_fault


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".GZ"])
def test_parts_that_were_compressed_one_by_one_are_read_as_one(tmp_path: Path, suffix: str) -> None:
    parts = [b"a\n" * 100_000, b"", b"b\nc"]
    raw = b"".join(compress(suffix.lower(), part) for part in parts)
    items = items_of(tmp_path / f"lines.txt{suffix}", raw)
    assert items == ["a"] * 100_000 + ["b", "c"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("kind", ["txt", "jsonl", "csv"])
def test_compressed_data_that_is_cut_off_gives_the_records_before(
    tmp_path: Path, suffix: str, kind: str
) -> None:
    lines = [os.urandom(16).hex() for _ in range(50_000)]
    if kind == "jsonl":
        lines = [f'"{line}"' for line in lines]
    raw = compress(suffix, "\n".join(["a", *lines] if kind == "csv" else lines).encode())
    items, message = until_fault(tmp_path / f"lines.{kind}{suffix}", raw[: len(raw) // 2])
    found = [item["a"] if kind == "csv" else item for item in items]
    assert found == [line.strip('"') for line in lines[: len(found)]]
    assert 10_000 < len(found) < 40_000
    assert "ends too early" in message


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_data_that_is_not_compressed_is_an_input_error(tmp_path: Path, suffix: str) -> None:
    items, message = until_fault(tmp_path / f"lines{suffix}", b"just text\n" * 20)
    assert items == []
    assert f"is not {suffix[1:]}" in message.replace("is not .", "is not ")


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_damage_inside_is_an_input_error(tmp_path: Path, suffix: str) -> None:
    raw = bytearray(compress(suffix, random.Random(1).randbytes(400_000).hex().encode()))
    raw[len(raw) // 2 : len(raw) // 2 + 1000] = b"\xff" * 1000
    _, message = until_fault(tmp_path / f"lines{suffix}", bytes(raw))
    assert "damaged" in message


def test_a_missing_zstandard_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    (tmp_path / "a.zst").touch()
    with pytest.raises(UsageError, match=r"pip install zstandard$"):
        open_source(str(tmp_path / "a.zst"))
