"""What must be true of a run's directory once it has come to its end."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

from benchmarks.durability.run_checks import Violation, text_of

__all__ = ["TASK", "Violation", "check_everything", "input_lines"]

TASK = """
import os
import time

PAUSE_S = float(os.environ.get("POWER_LOSS_PAUSE_S", "0"))

def work(line):
    number, run = line.split()
    if int(number) % 3 == 0:
        time.sleep(PAUSE_S)
    if int(number) % 13 == 5:
        raise ValueError(f"no {number}")
    return {"number": int(number), "run": run, "text": f"'ü', {number}" + "." * 700}
"""


def input_lines(items: int, run: str) -> str:
    """Return an input whose results differ from those of another run."""
    return "".join(f"{number} {run}\n" for number in range(items))


def check_everything(directory: Path, output_format: str, items: int, run: str) -> None:
    """Raise `Violation` unless the run is complete, and nothing else is there."""
    output = directory / f"out.{output_format}"
    try:
        results = _results(output)
        with Path(f"{output}.errors.jsonl").open(encoding="utf-8") as file:
            failed = [json.loads(line)["item"] for line in file]
    except Exception as error:
        raise Violation(f"cannot be read: {type(error).__name__}: {error}") from error
    wrong = [number for number in range(items) if number % 13 == 5]
    good = [number for number in range(items) if number not in wrong]
    if failed != [f"{number} {run}" for number in wrong]:
        raise Violation(f"failures: {failed}")
    numbers = [result["number"] for result in results]
    if numbers != good:
        raise Violation(f"results: {numbers}")
    for result in results:
        text = f"'ü', {result['number']}" + "." * 700
        if result != {"number": result["number"], "run": run, "text": text}:
            raise Violation(f"not what the function returned: {result!s:.100}")
    names = {"task.py", "input.txt", "__pycache__"}
    names |= {output.name, f"{output.name}.journal", f"{output.name}.errors.jsonl"}
    if stray := {path.name for path in directory.iterdir()} - names:
        raise Violation(f"stray files: {stray}")
    _check_journal(Path(f"{output}.journal"), len(good), len(wrong))


def _results(output: Path) -> list[dict[str, Any]]:
    """Return the results in the order of the output; raises when it does not parse."""
    if output.suffix == ".parquet":
        import pyarrow.parquet

        return list(pyarrow.parquet.read_table(output).to_pylist())
    text = text_of(output).decode("utf-8")
    if not text.endswith("\n"):
        raise Violation("the last line has no end")
    if output.suffix == ".csv":
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        return [{**row, "number": int(row["number"])} for row in rows]
    lines = [json.loads(line) for line in text.split("\n")[:-1]]
    if any(line["index"] != line["result"]["number"] for line in lines):
        raise Violation("indexes that are not those of the items")
    return [line["result"] for line in lines]


def _check_journal(path: Path, good: int, wrong: int) -> None:
    with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as sql:
        [whole] = sql.execute("PRAGMA integrity_check").fetchone()
        [done] = sql.execute("SELECT total(number) FROM done").fetchone()
        [failed] = sql.execute("SELECT count(*) FROM failed").fetchone()
        finished = sql.execute("SELECT value FROM run WHERE name = 'finished'").fetchone()
    if (whole, done, failed, finished) != ("ok", good, wrong, ("true",)):
        raise Violation(f"the journal says {whole}, {done}, {failed}, {finished}")
