"""Inputs for the tests of sources, and what reading them gives."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from batchmap.errors import InputError
from batchmap.records import UnreadableRecord
from batchmap.sources import open_source
from hypothesis import HealthCheck, settings

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def records_of(path: Path, raw: bytes, **more: Any) -> list[tuple[Any, bytes, int]]:
    path.write_bytes(raw)
    return list(open_source(str(path), **more).records())


def items_of(path: Path, raw: bytes, **more: Any) -> list[Any]:
    return [item for item, _, _ in records_of(path, raw, **more)]


def until_fault(path: Path, raw: bytes) -> tuple[list[Any], str]:
    """Return the items that come before the input cannot be read on, and the fault's one line."""
    path.write_bytes(raw)
    items: list[Any] = []
    with pytest.raises(InputError) as caught:
        items.extend(item for item, _, _ in open_source(str(path)).records())
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return items, message


def failure_of(record: tuple[Any, bytes, int]) -> tuple[str, str]:
    item = record[0]
    assert isinstance(item, UnreadableRecord)
    return item.failure.error_type, item.failure.error


class Endless(io.RawIOBase):
    """An input without end: `head`, then `body` again and again."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self._rest = head
        self._body = body * (4096 // len(body))
        self.taken_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or self._body
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        self.taken_bytes += len(taken)
        return len(taken)


class Pieces(io.RawIOBase):
    """An input that comes in pieces of at most so many bytes."""

    def __init__(self, raw: bytes, piece_bytes: int) -> None:
        self._rest = raw
        self._piece_bytes = piece_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self._piece_bytes)
        taken, self._rest = self._rest[:size], self._rest[size:]
        buffer[: len(taken)] = taken
        return len(taken)


def feed(monkeypatch: pytest.MonkeyPatch, raw: io.RawIOBase) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(raw)))


def compress(suffix: str, raw: bytes) -> bytes:
    if suffix in (".gz", ".bz2", ".xz"):
        if suffix == ".bz2":
            return bz2.compress(raw, 1)  # in blocks of 100 kB
        return gzip.compress(raw) if suffix == ".gz" else lzma.compress(raw)
    compressor = import_module("zstandard").ZstdCompressor(write_checksum=True)
    packed: bytes = compressor.compress(raw)
    return packed
