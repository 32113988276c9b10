"""What a row costs `run`, against a plain loop that keeps no account.

    python -m benchmarks.data_plane [--quick] [--only csv|jsonl|parquet] [--rounds N] [--rows N]

200,000 rows of five columns, or so many, by a function of 2 µs and by one of 20 µs. The loop reads,
calls and writes (`csv.DictReader` and `DictWriter`; `json`; pyarrow's batches) as a command of its
own; `run` keeps order, journal and digests. Whole commands are timed in turn; printed are medians
with their spread, ratios taken within each round. Outputs are compared. The coordinator's cost is
the CPU time of its process, without its start.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import show

ROOT = Path(__file__).parent.parent
MAIN = [sys.executable, str(ROOT / "main.py"), "run"]
ROWS = 200_000
COLUMNS = ("id", "name", "price", "colour", "day")
FORMATS = ("csv", "jsonl", "parquet")

TASK = """
def function(row):
    number = 0
    for step in range({steps}):
        number += step
    return {{
        "id": row["id"],
        "name": row["name"],
        "price": row["price"],
        "colour": row["colour"],
        "number": number,
    }}
"""

LOOPS = {
    "csv": """
import csv, sys
from task import function
with open(sys.argv[1], newline="") as source, open(sys.argv[2], "w", newline="") as output:
    writer = None
    for row in csv.DictReader(source):
        result = function(row)
        if writer is None:
            writer = csv.DictWriter(output, list(result), lineterminator="\\n")
            writer.writeheader()
        writer.writerow(result)
""",
    "jsonl": """
import json, sys
from task import function
with open(sys.argv[1]) as source, open(sys.argv[2], "w") as output:
    for line in source:
        output.write(json.dumps(function(json.loads(line))) + "\\n")
""",
    "parquet": """
import sys
import pyarrow, pyarrow.parquet
from task import function
writer = None
for batch in pyarrow.parquet.ParquetFile(sys.argv[1]).iter_batches():
    table = pyarrow.Table.from_pylist([function(row) for row in batch.to_pylist()])
    writer = writer or pyarrow.parquet.ParquetWriter(sys.argv[2], table.schema)
    writer.write_table(table)
writer.close()
""",
}

COORDINATOR = """
import os, resource, sys
from pathlib import Path
from batchmap import run
from task import function

def spent_s():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

def done(source, output):
    before_s = spent_s()
    run(function, source, output, backend="process", workers=2, record="result")
    return spent_s() - before_s

if __name__ == "__main__":
    small, source, suffix = sys.argv[1:]
    done(small, "small.first" + suffix)  # which loads what is needed
    start_s = done(small, "small" + suffix)
    print(done(source, "coordinated" + suffix) - start_s)
"""


def steps_for(seconds: float) -> int:
    """Return how many steps of the task's loop take so long, without what the call costs."""
    names: dict[str, Any] = {}
    exec(TASK.format(steps=10_000), names)
    row = dict.fromkeys(COLUMNS, "")
    found = []
    for _ in range(5):
        start_s = time.perf_counter()
        names["function"](row)
        found.append((time.perf_counter() - start_s) / 10_000)
    return max(1, round(seconds / min(found)))


def write_rows(directory: Path, name: str, number: int) -> None:
    """Write so many rows in each format."""
    rows = [
        (n, f"name {n}", round(n * 0.37 % 100, 2), ("red", "green", "blue")[n % 3], "2026-01-01")
        for n in range(number)
    ]
    with (directory / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    with (directory / f"{name}.jsonl").open("w") as file:
        for row in rows:
            file.write(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n")
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {column: [row[at] for row in rows] for at, column in enumerate(COLUMNS)}
    pq.write_table(pa.table(columns), directory / f"{name}.parquet")


def seconds(words: Sequence[str], directory: Path, cores: set[int] | None = None) -> float:
    """Return how long a command takes, on these cores; raises when it fails."""
    start_s = time.perf_counter()
    subprocess.run(
        words,
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
        preexec_fn=None if cores is None else lambda: os.sched_setaffinity(0, cores),
    )
    return time.perf_counter() - start_s


def same_rows(suffix: str, ours: Path, theirs: Path) -> bool:
    """Tell whether two outputs hold the same rows in the same order."""
    if suffix == "parquet":
        import pyarrow.parquet as pq

        return bool(pq.read_table(ours).to_pylist() == pq.read_table(theirs).to_pylist())
    return ours.read_bytes() == theirs.read_bytes()


def compare(directory: Path, suffix: str, name: str, rounds: int, cores: set[int] | None) -> None:
    """Show the wall time of `run` over that of the loop."""
    loop = [sys.executable, f"{suffix}_loop.py", f"rows.{suffix}", f"loop.{suffix}"]
    ours = [*MAIN, "task.py:function", f"rows.{suffix}", "-o", f"ours.{suffix}", "--overwrite"]
    ours += ["--record", "result"] if suffix == "jsonl" else []
    loops, ratios = [], []
    for _ in range(rounds):
        loop_s = seconds(loop, directory, cores)
        loops.append(loop_s)
        ratios.append(seconds(ours, directory, cores) / loop_s)
    assert same_rows(suffix, directory / f"ours.{suffix}", directory / f"loop.{suffix}")
    show(f"{suffix}, {name}: run over loop", ratios)
    show("    loop", loops, "s")


def coordinator(directory: Path, suffix: str, rounds: int, number: int) -> None:
    """Show what a row costs the process that reads, writes and keeps the journal."""
    words = [sys.executable, "coordinator.py", f"few.{suffix}", f"rows.{suffix}", f".{suffix}"]
    found = []
    for _ in range(rounds):
        for path in directory.glob("coordinated*"):
            path.unlink()
        for path in directory.glob("small*"):
            path.unlink()
        done = subprocess.run(words, cwd=directory, capture_output=True, text=True, check=True)
        found.append(float(done.stdout) / number * 1e6)
    show(f"{suffix}: coordinator, CPU a row", found, "µs")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of the rows")
    parser.add_argument("--only", choices=FORMATS, help="one format")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=ROWS)
    options = parser.parse_args()
    rounds, number = (1, ROWS // 10) if options.quick else (options.rounds, options.rows)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    two, one = set(sorted(os.sched_getaffinity(0))[:2]), {min(os.sched_getaffinity(0))}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write_rows(directory, "rows", number)
        write_rows(directory, "few", 2_000)
        (directory / "coordinator.py").write_text(COORDINATOR)
        for suffix in FORMATS:
            (directory / f"{suffix}_loop.py").write_text(LOOPS[suffix])
        steps = {cost: steps_for(cost * 1e-6) for cost in (2, 20)}
        for suffix in FORMATS if options.only is None else (options.only,):
            (directory / "task.py").write_text(TASK.format(steps=steps[2]))
            compare(directory, suffix, "2 µs a row", rounds, two)
            compare(directory, suffix, "2 µs a row, one core", rounds, one)
            coordinator(directory, suffix, rounds, number)
            (directory / "task.py").write_text(TASK.format(steps=steps[20]))
            compare(directory, suffix, "20 µs a row", rounds, two)


if __name__ == "__main__":
    main()
