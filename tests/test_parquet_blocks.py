"""Blocks of rows of Parquet: the same records as one by one, and no more bytes than they need."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
from batchmap.arrow.values import values_of
from batchmap.sources import open_source, reader_of_blocks
from batchmap.sources.parquet.blocks import ArrowBlock


def test_blocks_of_parquet_hold_the_rows_that_are_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(20_000)]
    table = pa.table({
        "n": range(20_000),
        "text": [f"é {n}" for n in range(20_000)],
        "when": pa.array(moments, pa.timestamp("us", "Europe/Berlin")),
        "list": [[n] for n in range(20_000)],
        "flag": [n % 3 == 0 for n in range(20_000)],
        "maybe": [None if n % 5 == 1 else n % 2 == 0 for n in range(20_000)],
        "kind": pa.array([f"kind {n % 700}" for n in range(20_000)]).dictionary_encode(),
        "far": pa.array([9_000_000 if n % 777 == 7 else 0 for n in range(20_000)], pa.date32()),
    })  # fmt: skip
    pq.write_table(table, path, row_group_size=9_000, use_deprecated_int96_timestamps=True)
    one_by_one = [(repr(item), raw, at) for item, raw, at in open_source(str(path)).records()]
    read = reader_of_blocks(open_source(str(path)))
    assert read is not None
    found = []
    blocks = list(read(lambda: True))
    assert all(isinstance(block, ArrowBlock) for block in blocks)
    for block in cast(list[ArrowBlock], blocks):
        left: ArrowBlock | None = block
        while left is not None:
            some, left = left.split(3_000)
            some = pickle.loads(pickle.dumps(some))
            opened = some.opened()
            pairs = zip(opened.items, opened.raws, strict=True)
            for at, (item, raw) in enumerate(pairs, some.first_position):
                found.append((repr(item), raw, at))
    assert found == one_by_one
    assert [one[2] for one in found if "Unreadable" in one[0]] == list(range(8, 20_001, 777))


def test_nanoseconds_are_those_of_their_own_row_beside_a_dictionary(tmp_path: Path) -> None:
    """The library cuts rows with a dictionary where a row group ends, and others elsewhere."""
    path = tmp_path / "in.parquet"
    moments = [10**18 + n * 10**12 + n % 1000 for n in range(5000)]
    kinds = pa.array([f"kind {n % 70}" for n in range(5000)]).dictionary_encode()
    table = pa.table({"when": pa.array(moments, pa.timestamp("ns")), "kind": kinds})
    pq.write_table(table, path, row_group_size=900, use_deprecated_int96_timestamps=True)
    found = [item["when"] for item, _, _ in open_source(str(path)).records()]
    assert found == values_of(table["when"])


def test_long_values_that_a_file_holds_once_make_small_blocks(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"n": range(3000), "text": ["x" * 20_000] * 3000}), path)
    read = reader_of_blocks(open_source(str(path)))
    assert read is not None
    blocks = list(cast(Iterator[ArrowBlock], read(lambda: True)))
    assert [item["n"] for block in blocks for item in block] == list(range(3000))
    assert max(block.size_bytes for block in blocks) <= 4 << 20


def test_a_part_of_a_block_takes_no_whole_dictionary_along(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    texts = [f"text {n % 5000}" for n in range(10_000)]
    pq.write_table(pa.table({"text": pa.array(texts).dictionary_encode()}), path)
    read = reader_of_blocks(open_source(str(path)))
    assert read is not None
    blocks = list(cast(Iterator[ArrowBlock], read(lambda: True)))
    assert [item["text"] for block in blocks for item in block] == texts
    assert len(pickle.dumps(blocks[0].part(0, 1))) < 2000
