"""Blocks of lines: the same records, results and journal as one by one, whatever is in them."""

from __future__ import annotations

import csv
import io
import pickle
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from batchmap import run
from batchmap.digests import DIGEST_BYTES, digest
from batchmap.records import UnreadableRecord
from batchmap.sources import LineBlock, open_source, reader_of_blocks
from batchmap.sources.opening import decompression
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import rest_slow

SUFFIXES = (".csv", ".jsonl", ".txt")

PIECES = {
    ".csv": [
        b"a,b\n", b"1,2\n", b'"x, y",2\n', b'3,"he said ""no"""\n', b'"two\nlines",4\n', b"\n",
        b"1\n", b"1,2,3\n", b'5" disk,1\n', b'a"b",c\n', b'"open,1\n', b'x,"y"z\n', b"1,2\r\n",
        b'"q","r"\r\n', b"\r\n", b"lone\rreturn,1\n", b"caf\xe9,1\n", "é,ü\n".encode(), b",\n",
        b'"",""\n', b'"\n', b"no end,1", b'"a"\n', b" \n", b'""\n', b',"\n",\n',
    ],
    ".jsonl": [
        b"1\n", b'{"a": 1, "b": [2]}\n', b"\n", b"  \n", b'"x"\r\n', b"not json\n", b"NaN\n",
        b" [1] \n", b"\t\n", b'"\xff"\n', b"1,2\n", b"\r\n", b'{"a": 1, "a": 2}\n', b"[[\n",
        b"\x0b\n", b"3", b"\r",
    ],
    ".txt": [b"x\n", b"\n", b"two words\r\n", b"caf\xe9\n", "é\n".encode(), b"\r\n", b"end", b"\r"],
}  # fmt: skip


def described(item: Any, raw: bytes, where: int) -> tuple[str, bytes, int]:
    return repr(item), raw, where


def records_of(
    path: Path, wants: Callable[[], bool], *, through_pickle: bool = True
) -> list[tuple[str, bytes, int]]:
    """Return the records of a file, those in blocks as a worker sees them."""
    read = reader_of_blocks(open_source(str(path)))
    assert read is not None
    found = []
    for record in read(wants):
        if isinstance(record, LineBlock):
            left: LineBlock | None = record
            while left is not None:
                some, left = left.split(random.randint(1, 5))
                if through_pickle:
                    some = pickle.loads(pickle.dumps(some))
                opened = some.opened()
                assert len(opened.items) == len(opened.raws) == len(some)
                for offset, (item, raw) in enumerate(zip(opened.items, opened.raws, strict=True)):
                    found.append(described(item, raw, some.position(offset)))
        elif record is not None:
            found.append(described(*record))
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_blocks_hold_the_records_that_are_read_one_by_one(
    suffix: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("blocks") / f"in{suffix}"
    pieces = data.draw(st.lists(st.sampled_from(PIECES[suffix]), max_size=12))
    start = b"a,b\n" if suffix == ".csv" else b""
    path.write_bytes(start + b"".join(pieces))
    block_bytes = data.draw(st.sampled_from([1, 2, 5, 17, 1 << 18]))
    wanted = data.draw(st.sampled_from([(True,), (False,), (True, False), (False, False, True)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decompression, "_BLOCK_BYTES", block_bytes)
        one_by_one = [described(*record) for record in open_source(str(path)).records()]
        turns = iter(wanted * 1000)
        assert records_of(path, lambda: next(turns)) == one_by_one


def test_most_lines_of_usual_files_are_in_blocks(tmp_path: Path) -> None:
    quoted = [f'{n},"name, {n}",{n}.5\r\n'.encode() for n in range(5000)]
    for name, lines in {
        "in.csv": [b"a,b,c\r\n", *quoted],
        "in.jsonl": [b'{"a": %d}\n' % n for n in range(5000)],
        "in.txt": [b"line %d\n" % n for n in range(5000)],
    }.items():
        (tmp_path / name).write_bytes(b"".join(lines))
        read = reader_of_blocks(open_source(str(tmp_path / name)))
        assert read is not None
        records = [record for record in read(lambda: True) if record is not None]
        assert {type(record) for record in records} == {LineBlock}, name
        assert sum(len(record) for record in records if isinstance(record, LineBlock)) == 5000


def test_cells_of_many_lines_are_read_where_no_limit_of_csv_was_raised(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    lines = "text, and more\n" * 10_000
    path.write_text(f'a,b\n1,"{lines}"\n2,"two\nlines"\n')
    read = reader_of_blocks(open_source(str(path)))
    assert read is not None
    records = [record for record in read(lambda: True) if record is not None]
    limit = csv.field_size_limit(131_072)  # as it is in a worker process
    try:
        items = [
            item
            for record in records
            for item in (record if isinstance(record, LineBlock) else record[:1])
        ]
    finally:
        csv.field_size_limit(limit)
    assert items == [{"a": "1", "b": lines}, {"a": "2", "b": "two\nlines"}]


def double(row: Any) -> Any:
    value = row["a"] if isinstance(row, dict) else row
    if isinstance(row, dict):
        row["a"] = "changed by the function"
    if "77" in str(value):
        raise ValueError(f"no {value}")
    return {"a": value, "text": f'"{value}", twice'}


def outcome_of(tmp_path: Path, name: str, suffix: str, output: str, **options: Any) -> Any:
    """Run over a file, and return all that is left of that."""
    out = tmp_path / f"{name}{output}"
    run(double, str(tmp_path / f"in{suffix}"), str(out), **options)
    errors = Path(f"{out}.errors.jsonl")
    lines = errors.read_text().splitlines() if errors.exists() else []
    return out.read_bytes(), [line.partition('"duration_s"')[0] for line in lines], [
        line.rpartition('"place"')[2] for line in lines
    ]  # fmt: skip


def by_way(backend: str) -> list[tuple[str, str, str]]:
    """Return the backend with each output and input, those first of which each occurs once."""
    outputs = (".csv", ".jsonl", ".parquet")
    return [
        (backend, outputs[(at + turn) % 3], SUFFIXES[at]) for turn in range(3) for at in range(3)
    ]


@pytest.mark.parametrize(
    ("backend", "output", "suffix"), rest_slow(9 + 3, *by_way("sequential"), *by_way("process"))
)
def test_a_run_in_blocks_leaves_what_one_by_one_leaves(
    suffix: str, output: str, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = random.Random(5)
    rows = [made.choice(PIECES[suffix][:-4]) for _ in range(300)]
    rows += [f"{n},b\n".encode() if suffix == ".csv" else b"%d\n" % n for n in range(1000)]
    header = b"a,b\n" if suffix == ".csv" else b""
    (tmp_path / f"in{suffix}").write_bytes(header + b"".join(rows))
    options = {"backend": backend, "workers": 2, "retries": 1}
    in_blocks = outcome_of(tmp_path, "blocks", suffix, output, **options)
    monkeypatch.setattr("batchmap.checkpoint.pending_items.reader_of_blocks", lambda source: None)
    one_by_one = outcome_of(tmp_path, "rows", suffix, output, **options)
    if output == ".parquet":
        tables = [pq.read_table(io.BytesIO(one[0])) for one in (in_blocks, one_by_one)]
        assert tables[0].equals(tables[1])
        assert tables[0].schema == tables[1].schema
        assert in_blocks[1:] == one_by_one[1:]
    else:
        assert in_blocks == one_by_one


def changing(n: str) -> dict[str, Any]:
    """Return a row whose columns and types are others as time goes on."""
    number = int(n)
    row: dict[str, Any] = {"n": number, "half": number / 2, "text": f"é {n}", "maybe": None}
    if number > 500:
        row["maybe"] = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)
    if number > 1000:
        row["n"] = number + 0.5
    if number > 1500:
        row["more"] = [number]
    if number % 625 == 7:
        row["half"] = "text"
    return row


@pytest.mark.parametrize("output", [".csv", ".jsonl", ".parquet"])
def test_columns_that_come_late_are_as_one_by_one(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.txt").write_text("".join(f"{n}\n" for n in range(2250)))

    def left_by(name: str) -> Any:
        out = tmp_path / f"{name}{output}"
        run(changing, str(tmp_path / "in.txt"), str(out), backend="process", workers=2)
        errors = Path(f"{out}.errors.jsonl")
        failed = errors.read_text().count("\n") if errors.exists() else 0
        if output == ".parquet":
            table = pq.read_table(out)
            return table.schema.remove_metadata(), table.to_pylist(), failed
        return out.read_bytes(), failed

    in_blocks = left_by("blocks")
    monkeypatch.setattr("batchmap.checkpoint.pending_items.reader_of_blocks", lambda source: None)
    assert in_blocks == left_by("rows")


def test_what_the_journal_holds_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run in blocks is resumed one by one, where its items are compared."""
    source = tmp_path / "in.csv"
    source.write_bytes(b"a,b\n" + b"".join(b"%d,x\n" % n for n in range(2000)))
    output = tmp_path / "out.jsonl"
    run(double, str(source), str(output), workers=2)
    with source.open("ab") as file:
        file.write(b"2000,y\n")
    monkeypatch.setattr("batchmap.checkpoint.pending_items.reader_of_blocks", lambda source: None)
    outcome = run(double, str(source), str(output), mode="resume", workers=2)
    assert outcome.written == 1
    assert outcome.written_before + outcome.failed_before == 2000


def test_an_unreadable_row_of_a_block_fails_without_a_call_or_another_attempt(
    tmp_path: Path,
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(b'"good"\nbad\n' * 200)
    calls = tmp_path / "calls"
    calls.write_text("")

    def function(item: Any) -> Any:
        with calls.open("a") as file:
            file.write(f"{item}\n")
        return item

    outcome = run(function, str(source), str(tmp_path / "out.jsonl"), retries=3, workers=2)
    assert (outcome.written, outcome.failed) == (200, 200)
    assert calls.read_text() == "good\n" * 200
    [error] = outcome.errors
    assert (error.error_type, error.number) == ("JSONDecodeError", 200)
    assert outcome.first_failures[0].record.attempts == 1


def test_the_entries_of_a_block_are_the_digests_of_its_records(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"a,b\r\n1,2\r\n3,4\r\n")
    source = open_source(str(path))
    read = reader_of_blocks(source)
    assert read is not None
    [block] = [record for record in read(lambda: True) if record is not None]
    assert isinstance(block, LineBlock)
    opened = block.opened()
    expected = [digest(raw, source.context) for _, raw, _ in source.records()]  # type: ignore[attr-defined]
    assert opened.entries(0, 2) == b"".join(expected)
    assert len(opened.entries(0, 1)) == DIGEST_BYTES
    assert not any(isinstance(item, UnreadableRecord) for item in opened.items)
