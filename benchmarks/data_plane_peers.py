"""A function over the rows of a CSV file: `run` against other tools that do the same job.

    python -m benchmarks.data_plane_peers [--quick] [--rounds N]

200,000 rows of five columns, by a function of 2 µs and by one of 20 µs, on two cores. Each
contestant is a command that reads the file, calls the same function with each row as a dict and
writes a CSV file in input order; each is swept over its own chunk sizes, and its best one counts.
Timed in turn, whole commands; printed are medians with their spread, over `run` in the same round.
Tools that are not installed are left out. None but `run` goes on where it was killed.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import statistics
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from benchmarks.data_plane import LOOPS, MAIN, ROWS, TASK, seconds, steps_for, write_rows

POOL = """
import csv, io, multiprocessing, sys
from itertools import islice
from task import function

def work(lines):
    output = io.StringIO()
    writer = None
    for row in csv.DictReader(lines, fieldnames=header):
        result = function(row)
        if writer is None:
            writer = csv.DictWriter(output, list(result), lineterminator="\\n")
        writer.writerow(result)
    return output.getvalue(), list(result)

with open(sys.argv[1], newline="") as source:
    header = next(csv.reader(source))
    if __name__ == "__main__":
        size = int(sys.argv[3])
        chunks = iter(lambda: list(islice(source, size)), [])
        with multiprocessing.Pool(2) as pool, open(sys.argv[2], "w", newline="") as output:
            for number, (text, names) in enumerate(pool.imap(work, chunks)):
                if not number:
                    csv.writer(output, lineterminator="\\n").writerow(names)
                output.write(text)
"""

JOBLIB = """
import sys
import pandas as pd
from joblib import Parallel, delayed
from task import function

def work(chunk):
    return pd.DataFrame([function(row) for row in chunk.to_dict("records")])

if __name__ == "__main__":
    chunks = pd.read_csv(sys.argv[1], dtype=str, keep_default_na=False, chunksize=int(sys.argv[3]))
    done = Parallel(n_jobs=2, return_as="generator")(delayed(work)(chunk) for chunk in chunks)
    for number, chunk in enumerate(done):
        chunk.to_csv(
            sys.argv[2], mode="a" if number else "w", header=not number, index=False,
            lineterminator="\\n",
        )
"""

POLARS = """
import sys
import polars as pl
from task import function

rows = pl.read_csv(sys.argv[1], infer_schema=False)
names = list(function(rows.row(0, named=True)))
fields = [pl.Field(name, pl.Int64 if name == "number" else pl.String) for name in names]
done = rows.select(
    pl.struct(pl.all()).map_elements(function, return_dtype=pl.Struct(fields)).alias("row")
)
done.unnest("row").write_csv(sys.argv[2])
"""

FILTER = """
import csv, sys
from task import function

writer = csv.writer(sys.stdout, lineterminator="\\n")
for row in csv.DictReader(sys.stdin):
    writer.writerow(function(row).values())
"""

PARALLEL = """
(head -n 1 rows.csv | sed 's/,day$/,number/'
 parallel --jobs 2 --keep-order --pipe --header : --block {block} {python} filter_rows.py \\
   < rows.csv) > parallel.csv
"""


def contestants(directory: Path) -> dict[str, list[list[str]]]:
    """Write the programs; return the commands that can run here, one for each size, by name."""
    programs = {"loop": LOOPS["csv"], "pool": POOL, "joblib": JOBLIB, "polars": POLARS}
    for name, text in {**programs, "filter": FILTER}.items():
        (directory / f"{name}_rows.py").write_text(text)

    def program(name: str, *sizes: int) -> list[list[str]]:
        words = [sys.executable, f"{name}_rows.py", "rows.csv", f"{name}.csv"]
        return [[*words, str(size)] for size in sizes]

    ours = [*MAIN, "task.py:function", "rows.csv", "-o", "run.csv", "--overwrite"]
    found = {
        "run": [ours],
        "loop": program("loop", 0),
        "Pool.imap over lines": program("pool", 500, 2000, 8000),
    }
    if find_spec("joblib") and find_spec("pandas"):
        found["joblib, pandas"] = program("joblib", 2000, 8000, 32_000)
    if find_spec("polars"):
        found["polars map_elements"] = program("polars", 0)
    if shutil.which("parallel"):
        found["GNU parallel --pipe"] = [
            ["sh", "-c", PARALLEL.format(block=block, python=sys.executable)]
            for block in ("256k", "1M", "4M")
        ]
    return found


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def output_of(name: str) -> str:
    """Return the file that a contestant writes."""
    first = {"Pool.imap": "pool", "joblib,": "joblib", "GNU": "parallel"}
    word = name.split()[0]
    return f"{first.get(word, word)}.csv"


def compare(directory: Path, cost: int, rounds: int, cores: set[int]) -> None:
    """Print what each contestant takes, and that over what `run` takes."""
    best = {}
    for name, commands in contestants(directory).items():
        taken = [seconds(words, directory, cores) for words in commands]
        best[name] = commands[taken.index(min(taken))]
        expected, rows = rows_of(directory / "run.csv"), rows_of(directory / output_of(name))
        assert rows == expected, f"{name} wrote something else"
    times: dict[str, list[float]] = {name: [] for name in best}
    for _ in range(rounds):
        for name, words in best.items():
            times[name].append(seconds(words, directory, cores))
    print(f"\n{cost} µs a row, {rounds} rounds\n")
    print("| contestant | s | over run |\n| --- | --- | --- |")
    for name, taken in times.items():
        ratios = [one / own for one, own in zip(taken, times["run"], strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        ratio = f"{statistics.median(ratios):.2f} ({spread})"
        print(f"| {name} | {statistics.median(taken):.2f} | {ratio} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of the rows")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rounds, number = (1, ROWS // 10) if options.quick else (options.rounds, ROWS)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    two = set(sorted(os.sched_getaffinity(0))[:2])
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write_rows(directory, "rows", number)
        for cost in (2, 20):
            (directory / "task.py").write_text(TASK.format(steps=steps_for(cost * 1e-6)))
            compare(directory, cost, rounds, two)


if __name__ == "__main__":
    main()
