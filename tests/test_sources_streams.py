"""Sources that are read from front to back: no more is taken, or held, than is needed."""

from __future__ import annotations

import gzip
import os
import sys
import tracemalloc
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from batchmap.errors import InputError
from batchmap.sources import open_source

from tests.source_inputs import Endless, compress, feed

# Standard input and pipes


@pytest.mark.parametrize(
    ("input_format", "head", "body", "item"),
    [
        (None, b"", b"line\n", "line"),
        ("text", b"", b"line\r\n", "line"),
        ("jsonl", b"", b'{"a": 1}\n', {"a": 1}),
        ("errors", b"", b'{"index": 0, "item": 5}\n', 5),
        ("json", b"[1", b", 1", 1),
        ("csv", b"a\n", b"1\n", {"a": "1"}),
    ],
)
def test_of_an_endless_input_no_more_is_taken_than_asked_for(
    monkeypatch: pytest.MonkeyPatch, input_format: str | None, head: bytes, body: bytes, item: Any
) -> None:
    endless = Endless(head, body)
    feed(monkeypatch, endless)
    source = open_source("-", input_format=input_format)
    assert (source.name, source.total, source.paths) == ("standard input", None, ())
    assert not source.repeatable
    assert endless.taken_bytes == 0
    assert [found for found, _, _ in islice(source.records(), 5)] == [item] * 5
    assert endless.taken_bytes <= 1 << 18
    assert source.fraction() is None


@pytest.mark.parametrize(
    ("input_format", "first", "item"),
    [
        ("text", b"one\ntw", "one"),
        ("jsonl", b"[1]\n[", [1]),
        ("csv", b"a\n1\n2", {"a": "1"}),
        ("json", b"[1,", 1),
    ],
)
def test_records_come_as_they_arrive(
    monkeypatch: pytest.MonkeyPatch, input_format: str, first: bytes, item: Any
) -> None:
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as into, open(reading, "rb", buffering=0) as out:  # noqa: PTH123
        feed(monkeypatch, out)
        into.write(first)  # and the pipe stays open: waiting for more would last for ever
        records = open_source("-", input_format=input_format).records()
        assert next(records)[0] == item


def test_an_input_that_does_not_wait_is_made_to(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(writing, "wb", buffering=0) as into, open(reading, "rb", buffering=0) as out:  # noqa: PTH123
        feed(monkeypatch, out)
        into.write(b"one\n")
        next(open_source("-").records())
        assert os.get_blocking(reading)


def test_places_in_standard_input_are_words(monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, Endless(b"", b"x\n"))
    assert open_source("-").place(3) == "standard input line 3"
    assert open_source("-", input_format="json").place(3) == "standard input element 3"


def test_a_closed_standard_input_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="closed"):
        list(open_source("-").records())


@pytest.mark.parametrize("suffix", ["", ".jsonl", ".jsonl.gz"])
def test_a_named_pipe_is_read_once_and_never_before_its_records_are_asked_for(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"pipe{suffix}"
    os.mkfifo(path)
    raw = b"[1]\n[2]\n"
    source = open_source(str(path))
    assert (source.repeatable, source.paths) == (False, ())
    # Opened for both, it does not wait for a reader.
    with open(os.open(path, os.O_RDWR), "wb", buffering=0) as both:  # noqa: PTH123
        both.write(gzip.compress(raw) if suffix.endswith(".gz") else raw)
        taken = [item for item, _, _ in islice(source.records(), 2)]
    assert taken == (["[1]", "[2]"] if not suffix else [[1], [2]])
    assert source.fraction() is None


# Memory


@pytest.mark.parametrize(
    ("name", "head", "body", "tail"),
    [
        ("a.txt", b"", b"x" * 79 + b"\n", b""),
        ("a.jsonl", b"", b'{"a": "' + b"x" * 70 + b'"}\n', b""),
        ("a.json", b"[1", b', {"a": "' + b"x" * 70 + b'"}', b"]"),
        ("a.csv", b"a,b\n", b"x" * 40 + b"," + b"y" * 38 + b"\n", b""),
        ("a.txt.gz", b"", b"x" * 79 + b"\n", b""),
        ("a.txt.zst", b"", b"x" * 79 + b"\n", b""),
    ],
)
def test_memory_stays_flat(
    tmp_path: Path, name: str, head: bytes, body: bytes, tail: bytes
) -> None:
    path = tmp_path / name
    raw = head + body * 400_000 + tail
    path.write_bytes(compress(path.suffix, raw) if path.suffix in (".gz", ".zst") else raw)
    source = open_source(str(path))
    del raw
    tracemalloc.start()
    try:
        records = source.records()
        assert sum(1 for _ in islice(records, 100_000)) == 100_000
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
