"""Whether `compare` finds the cause of lost speed, and how much is lost, in work made to have it.

    python -m benchmarks.planted_causes [--quick] [--rounds 3] [--only PLANT ...]

Each plant has one known cause of loss, whose share of the workers follows from how it was made.
Printed are the cause that the report names, the share it counts, and the share planted; the exit
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
from benchmarks.injected_losses import PLANTS, Plant
from graphs import create_comparison_graph

__all__ = ["compare_plant", "main"]


def compare_plant(plant: Plant, share: float) -> tuple[Comparison, float, float]:
    """Return the comparison, how many workers the planted loss counts, and how many it was."""
    items = plant.items(share)
    batch_size = 1 if plant.batches is None else max(1, len(items) // plant.batches)
    settings = Settings.of(
        backend=plant.backend, workers=plant.workers, batch_size=batch_size, quiet=True,
        failure_rate=0,
    )  # fmt: skip
    shared: dict[str, Any] = {}
    create_comparison_graph(settings, function=plant.function, items=items, shows=False).run(shared)
    comparison = Comparison.of(shared["analysis"])
    wall_s = comparison.parallel_time
    planted = plant.planted_s(items, comparison.sequential_time, wall_s) / wall_s
    return comparison, losses(comparison.accounting)[plant.loss], planted


def main() -> int:
    """Run the plants in turn and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of the items")
    parser.add_argument("--only", nargs="*", default=[], metavar="PLANT")
    options = parser.parse_args()
    share, rounds = (0.1, 1) if options.quick else (1.0, options.rounds)
    print(f"{'plant':20} {'cause named':20} {'counted':>8} {'planted':>8}  off (spread)")
    wrong = 0
    for plant in PLANTS:
        if options.only and plant.name not in options.only:
            continue
        seen = [compare_plant(plant, share) for _ in range(rounds)]
        causes = {
            comparison.diagnosis.cause if comparison.diagnosis else "none"
            for comparison, _, _ in seen
        }
        wrong += causes != {plant.cause}
        off = [counted / planted - 1 for _, counted, planted in seen]
        print(
            f"{plant.name:20} {'/'.join(sorted(causes)):20} "
            f"{statistics.median(counted for _, counted, _ in seen):8.2f} "
            f"{statistics.median(planted for _, _, planted in seen):8.2f}  "
            f"{statistics.median(off):+.1%} ({min(off):+.1%} to {max(off):+.1%})"
            f"{'' if causes == {plant.cause} else '   expected ' + plant.cause}",
            flush=True,
        )
        time.sleep(0.2)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
