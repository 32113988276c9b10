"""What must hold after each end of a run of the crash campaign.

An item has one result or, where its results are expanded, as many as `parts_of` says, in a row.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from batchmap.row_counts import total_rows

from benchmarks.durability.run_checks import Violation, text_of

__all__ = [
    "CALLS",
    "MARK",
    "PartsOf",
    "check_everything",
    "check_journaled_part",
    "check_nobody_is_left",
    "marked",
]

CALLS = "calls"
"""The file with the items that the function was called for."""

MARK = "CRASH_CAMPAIGN"
"""The environment variable that marks the processes of a run."""

GONE_WITHIN_S = 4.0

PartsOf = Callable[[int], int]
"""How many results the item of a number has."""


def marked(mark: str) -> list[int]:
    """Return the living processes that carry the mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def check_nobody_is_left(mark: str) -> None:
    deadline_s = time.monotonic() + GONE_WITHIN_S
    while left := marked(mark):
        if time.monotonic() > deadline_s:
            raise Violation(f"processes are left: {left}")
        time.sleep(0.02)


def check_journaled_part(
    output_format: str, directory: Path, *, has_equal_items: bool, parts_of: PartsOf
) -> None:
    journal = directory / f"out.{output_format}.journal"
    if not journal.exists():
        return
    end, done, is_replaced = _journaled(journal)
    output, draft = directory / f"out.{output_format}", directory / f".draft-out.{output_format}"
    if is_replaced and (output.is_dir() or not draft.exists()):
        return  # the next start adopts what it says of the new output
    data = text_of(output) if output.exists() else b""
    if len(data) < end:
        raise Violation(f"the output has {len(data)} bytes and its journal says {end}")
    numbers = _numbers(output_format, data[:end], parts_of)
    if (found := sum(map(parts_of, numbers))) != done:
        raise Violation(f"{found} results where the journal says {done}")
    if len(set(numbers)) != len(numbers) and not has_equal_items:
        raise Violation(f"{len(numbers)} items have results, {len(set(numbers))} different ones")


def _journaled(journal: Path) -> tuple[int, int, bool]:
    """Return where the output is good, how many results it has, and whether it may be replaced."""
    with tempfile.TemporaryDirectory() as aside:
        for suffix in ("", "-wal"):
            path = Path(f"{journal}{suffix}")
            if path.exists():
                (Path(aside) / f"journal{suffix}").write_bytes(path.read_bytes())
        with contextlib.closing(sqlite3.connect(Path(aside) / "journal")) as connection:
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return 0, 0, False
            ends = connection.execute("SELECT max(output_end) FROM done").fetchone()
            counts = connection.execute("SELECT rows, number FROM done")
            done = sum(total_rows(packed, number) for packed, number in counts)
            query = "SELECT 1 FROM run WHERE name = 'replacement'"
            return ends[0] or 0, done, connection.execute(query).fetchone() is not None


def _numbers(output_format: str, data: bytes, parts_of: PartsOf) -> list[int]:
    """Return the numbers of the items that have results, in the order of the output.

    Raises when it does not parse.
    """
    text = data.decode("utf-8")
    if output_format == "csv":
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        results: list[dict[str, Any]] = [
            {**row, "number": int(row["number"]), "part": int(row["part"])} for row in rows
        ]
    else:
        results = [json.loads(line)["result"] for line in text.split("\n") if line]
    for result in results:
        if result["text"] != f"line\n{result['number']}, 'ü'" + "." * 2000:
            raise Violation(f"not what the function returned: {result!s:.100}")
    numbers = [result["number"] for result in results if result["part"] == 0]
    whole = [(number, part) for number in numbers for part in range(parts_of(number))]
    if whole != [(result["number"], result["part"]) for result in results]:
        raise Violation("results of an item are missing, or others stand between them")
    return numbers


def check_everything(
    output_format: str,
    directory: Path,
    items: Sequence[int],
    *,
    in_order: bool,
    parts_of: PartsOf,
) -> None:
    output = directory / f"out.{output_format}"
    numbers = _numbers(output_format, text_of(output), parts_of)
    lines = output.with_name(output.name + ".errors.jsonl").read_text().splitlines()
    failed = [int(json.loads(line)["item"]) for line in lines]
    if sorted(failed) != sorted(number for number in items if number % 17 == 3):
        raise Violation(f"{len(failed)} failures that are not those of the input")
    expected = [number for number in items if number % 17 != 3 and parts_of(number)]
    if sorted(numbers) != sorted(expected):
        raise Violation(f"{len(numbers)} results, {len(set(numbers))} different ones")
    if in_order and numbers != expected:
        raise Violation("not in order")
    names = {"task.py", "input.txt", CALLS, output.name, f"{output.name}.journal"}
    names.add(f"{output.name}.errors.jsonl")
    if stray := {path.name for path in directory.iterdir()} - names - {"__pycache__"}:
        raise Violation(f"stray files: {stray}")
