"""Inputs of every kind with the same rows, to be written, edited and written again."""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["INPUTS", "Input", "Row", "Rows", "as_files", "draw_row", "edit"]

Row = tuple[str, int]
"""A name, which is the key where there is one, and a number."""
Rows = list[Row]

NAMES = [f"n{number:02}" for number in range(60)]


@dataclass(frozen=True)
class Input:
    """A kind of input."""

    write: Callable[[Rows, Path], None]
    source: Callable[[Rows, Path], Any]
    row_of: Callable[[Any, Path], Row]
    """Returns the row of an item."""
    format: str | None = None
    has_fields: bool = False
    has_unique_names: bool = False
    """Whether a name stands for one row at most, as that of a file; rows are then sorted."""


def draw_row(draw: random.Random) -> Row:
    """Return a row; equal ones are frequent."""
    return draw.choice(NAMES), draw.randrange(40)


def edit(rows: Rows, draw: random.Random, *, unique: bool) -> Rows:
    """Return the rows after some edits, from an insertion to all of them shuffled."""
    rows = list(rows)
    for _ in range(draw.randint(0, 5)):
        place = draw.randint(0, len(rows))
        what = draw.choice(
            ["insert", "change", "delete", "move", "duplicate", "append", "append", "shuffle"]
        )
        if what == "insert" or not rows:
            rows.insert(place, draw_row(draw))
        elif what == "append":
            rows += [draw_row(draw) for _ in range(draw.randint(1, 4))]
        elif what == "shuffle":
            if draw.random() < 0.2:
                draw.shuffle(rows)
        else:
            place = min(place, len(rows) - 1)
            if what == "change":
                rows[place] = rows[place][0], draw.randrange(40)
            elif what == "duplicate":
                rows.insert(draw.randint(0, len(rows)), rows[place])
            else:
                row = rows.pop(place)
                if what == "move":
                    rows.insert(draw.randint(0, len(rows)), row)
    return as_files(rows) if unique else rows


def as_files(rows: Rows) -> Rows:
    """Return the rows as a folder holds them: a file for each name, and one that always is."""
    return sorted({**dict(rows), "zz": 0}.items())


def _write_text(rows: Rows, directory: Path) -> None:
    lines = [f"{name} {number}\n" for name, number in rows]
    (directory / "in.txt").write_text("".join(lines))


def _write_json(rows: Rows, directory: Path) -> None:
    lines = [json.dumps({"id": name, "number": number}) + "\n" for name, number in rows]
    (directory / "in.jsonl").write_text("".join(lines))


def _write_csv(rows: Rows, directory: Path) -> None:
    with (directory / "in.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("id", "number"), *rows])


def _write_parquet(rows: Rows, directory: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    names, numbers = [name for name, _ in rows], [number for _, number in rows]
    table = pyarrow.table(
        {"id": pyarrow.array(names, pyarrow.string()), "number": pyarrow.array(numbers, "int64")}
    )
    pyarrow.parquet.write_table(table, directory / "in.parquet")


def _write_files(rows: Rows, directory: Path) -> None:
    folder = directory / "files"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.name not in dict(rows):
            path.unlink()
    for name, number in rows:
        path = folder / name
        if not path.exists() or path.read_text() != str(number):
            path.write_text(str(number))
        elif number % 3 == 0:
            path.touch()
        elif number % 3 == 1:
            os.utime(path, (1_700_000_000, 1_700_000_000))  # as unpacking an archive does


def _of_text(item: str, _directory: Path) -> Row:
    name, number = item.split()
    return name, int(number)


def _of_fields(item: Any, _directory: Path) -> Row:
    return item["id"], int(item["number"])


def _of_file(item: str, directory: Path) -> Row:
    path = directory / item
    return path.name, int(path.read_text())


INPUTS = {
    "text": Input(_write_text, lambda rows, at: at / "in.txt", _of_text),
    "JSON Lines": Input(_write_json, lambda rows, at: at / "in.jsonl", _of_fields, has_fields=True),
    "CSV": Input(_write_csv, lambda rows, at: at / "in.csv", _of_fields, has_fields=True),
    "Parquet": Input(
        _write_parquet, lambda rows, at: at / "in.parquet", _of_fields, has_fields=True
    ),
    "a folder": Input(_write_files, lambda rows, at: "files/*", _of_file, has_unique_names=True),
    "Python": Input(
        lambda rows, at: None,
        lambda rows, at: [{"id": name, "number": number} for name, number in rows],
        _of_fields,
        has_fields=True,
    ),
}
