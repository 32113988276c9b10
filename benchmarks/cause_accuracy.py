"""Whether `compare` finds the cause of lost speed, and how much is lost, in work made to have it.

    python -m benchmarks.cause_accuracy [--quick] [--rounds 3] [--only NAME ...]

Each job has one known cause of loss, whose share of the workers follows from how it was made.
Printed are the cause that the report names, the share it counts, and the share injected; the exit
code is 1 when a cause is wrong. `--quick` takes a tenth of the items, where shares mean little.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any

from batchmap_workbook.utils.analysis.records import Comparison
from batchmap_workbook.utils.analysis.time_breakdown import losses
from batchmap_workbook.utils.cli.settings import Settings
from benchmarks.injected_losses import INJECTED_LOSSES, InjectedLoss
from graphs import create_comparison_graph

__all__ = ["main", "measure"]


def measure(job: InjectedLoss, share: float) -> tuple[Comparison, float, float]:
    """Return the comparison, how many workers the injected loss counts, and how many it was."""
    items = job.items(share)
    batch_size = 1 if job.batches is None else max(1, len(items) // job.batches)
    settings = Settings.of(
        backend=job.backend, workers=job.workers, batch_size=batch_size, quiet=True,
        failure_rate=0,
    )  # fmt: skip
    shared: dict[str, Any] = {}
    graph = create_comparison_graph(settings, function=job.function, items=items, shows=False)
    graph.run(shared)
    comparison = Comparison.of(shared["analysis"])
    wall_s = comparison.parallel_time
    injected = job.injected_s(items, comparison.sequential_time, wall_s) / wall_s
    return comparison, losses(comparison.accounting)[job.loss], injected


def main() -> int:
    """Run the jobs in turn and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of the items")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    options = parser.parse_args()
    share, rounds = (0.1, 1) if options.quick else (1.0, options.rounds)
    print(f"{'job':20} {'cause named':20} {'counted':>8} {'injected':>8}  off (spread)")
    wrong = 0
    for job in INJECTED_LOSSES:
        if options.only and job.name not in options.only:
            continue
        seen = [measure(job, share) for _ in range(rounds)]
        causes = {
            comparison.diagnosis.cause if comparison.diagnosis else "none"
            for comparison, _, _ in seen
        }
        wrong += causes != {job.cause}
        off = [counted / injected - 1 for _, counted, injected in seen]
        print(
            f"{job.name:20} {'/'.join(sorted(causes)):20} "
            f"{statistics.median(counted for _, counted, _ in seen):8.2f} "
            f"{statistics.median(injected for _, _, injected in seen):8.2f}  "
            f"{statistics.median(off):+.1%} ({min(off):+.1%} to {max(off):+.1%})"
            f"{'' if causes == {job.cause} else '   expected ' + job.cause}",
            flush=True,
        )
        time.sleep(0.2)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
