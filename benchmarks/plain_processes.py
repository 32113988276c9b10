"""What plain processes side by side gain on the `number` workload, against what `compare` gains.

    python -m benchmarks.plain_processes [--count 100] [--workers 4] [--rounds 5] [--quick]

Contestants take turns: one plain process over all items, so many plain processes with an equal
share of the items each, then `main.py compare`. A plain process is a bare loop; its start is not
counted, so the plain gain is what the machine's cores really give. Printed are medians with their
spread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent

BARE_LOOP = """
import sys, time
from batchmap_workbook.utils.workloads.generated_items import GeneratedItems
from batchmap_workbook.utils.workloads.built_in import NumberAnalysis, SimulatedFailure
count, share, shares = map(int, sys.argv[1:])
items = list(GeneratedItems("numbers", count))[share::shares]
function = NumberAnalysis()
print("ready", flush=True)
sys.stdin.readline()
start = time.perf_counter()
for item in items:
    try:
        function(item)
    except SimulatedFailure:
        pass
print(time.perf_counter() - start, flush=True)
"""


def plain_time_s(count: int, processes: int) -> float:
    """Return the time in seconds until the last of so many processes is done with its share."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", BARE_LOOP, str(count), str(share), str(processes)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return max(float(process.communicate()[0]) for process in running)


def compare_speedup(count: int, workers: int) -> float:
    """Return the speedup that `main.py compare` reports, start of its workers included."""
    with tempfile.TemporaryDirectory() as directory:
        export = Path(directory) / "report.json"
        command = ["main.py", "compare", str(count), str(workers), "--workload", "number"]
        subprocess.run(
            [sys.executable, *command, "--quiet", "--export-json", str(export)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return float(json.loads(export.read_text())["analysis"]["speedup"])


def main() -> None:
    """Measure, and print one line for each contestant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of 20 items")
    options = parser.parse_args()
    if options.quick:
        options.count, options.rounds = 20, 1

    plain_gains: list[float] = []
    speedups: list[float] = []
    for _ in range(options.rounds):
        alone_s = plain_time_s(options.count, 1)
        plain_gains.append(alone_s / plain_time_s(options.count, options.workers))
        speedups.append(compare_speedup(options.count, options.workers))
    shares = [ours / plain for ours, plain in zip(speedups, plain_gains, strict=True)]

    print(f"{options.count} numbers on {options.workers} workers, {options.rounds} rounds in turn")
    for name, figures in (
        ("plain processes gain", plain_gains),
        ("compare's speedup", speedups),
        ("share of the plain gain", shares),
    ):
        print(
            f"{name:24} median {statistics.median(figures):.3f}  "
            f"({min(figures):.3f} to {max(figures):.3f})"
        )


if __name__ == "__main__":
    main()
