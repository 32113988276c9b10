"""Valid inputs of every format that is read, small ones."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Valid", "valid_inputs"]

ROWS = 40


class Valid(NamedTuple):
    """A valid input: the name of its file, its bytes, and the options that it is read with."""

    name: str
    data: bytes
    options: tuple[str, ...] = ()


def rows() -> list[dict[str, Any]]:
    """Return rows with what formats have to escape."""
    return [
        {
            "n": n,
            "text": f'é{n}, "quoted"' * (n % 4),
            "part": ("a\nb", "", "x;y")[n % 3],
            "x": n / 7,
        }
        for n in range(ROWS)
    ]


def delimited(delimiter: str, encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows()[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows())
    return text.getvalue().encode(encoding)


def parquet_files() -> Iterator[Valid]:
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    start = datetime(2024, 5, 6, tzinfo=UTC)
    table = arrow.table(
        {
            "n": list(range(ROWS)),
            "text": [f"é{n}" * (n % 7) for n in range(ROWS)],
            "at": [start + timedelta(seconds=n) for n in range(ROWS)],
            "list": [list(range(n % 5)) for n in range(ROWS)],
            "struct": [{"a": n, "b": None if n % 3 else f"{n}"} for n in range(ROWS)],
            "none": [None if n % 2 else n / 7 for n in range(ROWS)],
        }
    )
    for codec in ("none", "snappy", "gzip", "zstd", "brotli", "lz4"):
        file = io.BytesIO()
        parquet.write_table(table, file, compression=codec, row_group_size=15)
        yield Valid(f"{codec}.parquet", file.getvalue())


def excel_file() -> bytes:
    book = import_module("openpyxl").Workbook()
    book.active.append(list(rows()[0]))
    for row in rows():
        book.active.append(list(row.values()))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def database() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "in.db"
        connection = sqlite3.connect(path)
        with connection:
            connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT, x REAL)")
            connection.executemany(
                "INSERT INTO t VALUES (?, ?, ?)", [(r["n"], r["text"], r["x"]) for r in rows()]
            )
        connection.close()
        return path.read_bytes()


def zipped(name: str, data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


@cache
def valid_inputs() -> tuple[Valid, ...]:
    """Return a valid input of each kind."""
    texts = "\n".join(row["text"] for row in rows()).encode()
    lines = "".join(json.dumps(row) + "\n" for row in rows()).encode()
    array = json.dumps(rows(), indent=1, ensure_ascii=False).encode()
    failures = "".join(
        json.dumps({"index": n, "item": row, "error_type": "ValueError", "error": "no"}) + "\n"
        for n, row in enumerate(rows())
    ).encode()
    auto = ("--delimiter", "auto", "--encoding", "auto")
    table = delimited(",")
    found = [
        Valid("in.txt", texts),
        Valid("utf16.txt", texts.decode().encode("utf-16"), ("--encoding", "auto")),
        Valid("in.nul", texts.replace(b"\n", b"\0"), ("--input-format", "nul")),
        Valid("in.jsonl", lines),
        Valid("in.json", array),
        Valid("deep.json", b'{"a": {"b": ' + array + b"}}", ("--json-path", "a.b")),
        Valid("errors.jsonl", failures, ("--input-format", "errors")),
        Valid("in.csv", table),
        Valid("latin.csv", delimited(";", "latin-1"), auto),
        Valid("bare.csv", table, ("--no-header", "--skip-lines", "1", "--quote", "none")),
        Valid("in.tsv", delimited("\t")),
        *parquet_files(),
        Valid("in.xlsx", excel_file()),
        Valid("in.db", database()),
        Valid("in.zip", zipped("in.csv", table)),
    ]
    zstd = import_module("zstandard").ZstdCompressor().compress
    for name, data in (("in.csv", table), ("in.jsonl", lines), ("in.txt", texts)):
        for suffix, compress in (
            (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zst", zstd),
        ):  # fmt: skip
            found.append(Valid(name + suffix, compress(data)))
    return tuple(found)
