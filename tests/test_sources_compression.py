"""Compressed inputs: read as if they were not, and an error when they are damaged."""

from __future__ import annotations

import os
import random
import sys
from importlib import import_module
from pathlib import Path

import pytest
from batchmap.errors import UsageError
from batchmap.sources import open_source

from tests.conftest import rest_slow
from tests.source_inputs import Pieces, compress, feed, items_of, until_fault


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".GZ", ".bz2", ".xz"])
def test_parts_that_were_compressed_one_by_one_are_read_as_one(tmp_path: Path, suffix: str) -> None:
    parts = [b"a\n" * 100_000, b"", b"b\nc"]
    raw = b"".join(compress(suffix.lower(), part) for part in parts)
    items = items_of(tmp_path / f"lines.txt{suffix}", raw)
    assert items == ["a"] * 100_000 + ["b", "c"]


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
@pytest.mark.parametrize("kind", rest_slow(2, "txt", "csv", "jsonl"))
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


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
def test_data_that_is_not_compressed_is_an_input_error(tmp_path: Path, suffix: str) -> None:
    items, message = until_fault(tmp_path / f"lines{suffix}", b"just text\n" * 20)
    assert items == []
    assert f"is not {suffix[1:]}" in message.replace("is not .", "is not ")


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
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


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
def test_nothing_is_no_compressed_file(tmp_path: Path, suffix: str) -> None:
    items, message = until_fault(tmp_path / f"lines.txt{suffix}", b"")
    assert items == []
    assert message.endswith(f": is empty, and no {suffix} file is; copy it again, whole")
    assert items_of(tmp_path / f"empty.txt{suffix}", compress(suffix, b"")) == []


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
@pytest.mark.parametrize(
    "behind", [b"garbage", b"\x1f", b"\x28\xb5\x2f", b"\0" * 600 + b"B", b"\0" * 100_000]
)
def test_what_stands_behind_the_data_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str, behind: bytes
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(compress(suffix, b"a\nb\n") + behind)
    source = open_source(str(path))
    for _ in range(2):
        assert [item for item, _, _ in source.records()] == ["a", "b"]
    assert len(caplog.messages) == (1 if behind.strip(b"\0") else 0)  # zeros fill a tape's block
    assert all(f"{path}: behind the compressed data, " in one for one in caplog.messages)


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
@pytest.mark.parametrize("size", [1, 3])
def test_a_beginning_alone_is_cut_off_and_not_of_another_kind(
    tmp_path: Path, suffix: str, size: int
) -> None:
    items, message = until_fault(tmp_path / f"a.txt{suffix}", compress(suffix, b"a\n")[:size])
    assert items == []
    assert message.endswith(": the compressed data ends too early; copy the file again, whole")


def test_a_second_part_that_is_damaged_is_no_garbage(tmp_path: Path) -> None:
    raw = compress(".gz", b"a\n")
    items, message = until_fault(tmp_path / "a.gz", raw + raw[:-4] + b"\0\0\0\1")
    assert items == ["a"]
    assert "is damaged .gz" in message


def test_zstandard_with_the_largest_window_is_read(tmp_path: Path) -> None:
    zstandard = import_module("zstandard")
    chosen = zstandard.ZstdCompressionParameters.from_level(1, window_log=31)
    compressor = zstandard.ZstdCompressor(compression_params=chosen).compressobj()
    raw = compressor.compress(b"a\nb\n") + compressor.flush()
    assert zstandard.get_frame_parameters(raw).window_size == 1 << 31
    assert items_of(tmp_path / "a.zst", raw) == ["a", "b"]


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
@pytest.mark.parametrize("name", ["lines", "lines.txt", "lines.gz", "lines.xz"])
def test_the_bytes_say_how_they_are_compressed(tmp_path: Path, suffix: str, name: str) -> None:
    path = tmp_path / name
    assert items_of(path, compress(suffix, b"a\nb\n")) == ["a", "b"]
    assert open_source(str(path)).size_bytes is None


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
@pytest.mark.parametrize("piece_bytes", [1, 1000])
def test_standard_input_may_be_compressed(
    monkeypatch: pytest.MonkeyPatch, suffix: str, piece_bytes: int
) -> None:
    feed(monkeypatch, Pieces(compress(suffix, b"[1]\n[2]\n"), piece_bytes))
    source = open_source("-", input_format="jsonl")
    assert [item for item, _, _ in source.records()] == [[1], [2]]
