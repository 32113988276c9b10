"""Whether the figures of `compare` can be trusted: its times, and its predictions.

    python -m benchmarks.trusted_figures [--quick] [--rounds 5]

First, items that note when they begin and end are an independent clock around both runs:
printed are the reported times and speedup over those noted. Then each job is compared at one worker
count, and what the report predicts for others is set against runs at those counts. Ratios are
medians with their spread.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from batchmap_workbook.utils.analysis.records import Comparison
from batchmap_workbook.utils.cli.settings import Settings
from benchmarks.injected_losses import half_locked, spin, turns_of, wait
from benchmarks.item_times import Noting, noted_s
from graphs import create_comparison_graph


def compared(
    function: Callable[[Any], Any], items: Sequence[Any], backend: str, workers: int
) -> Comparison:
    """Return the comparison over the items, one to a batch."""
    settings = Settings.of(
        backend=backend, workers=workers, batch_size=1, failure_rate=0, quiet=True
    )
    shared: dict[str, Any] = {}
    create_comparison_graph(settings, function=function, items=items, shows=False).run(shared)
    return Comparison.of(shared["analysis"])


def against_item_times(
    function: Callable[[Any], Any], items: Sequence[Any], backend: str, workers: int
) -> tuple[float, float, float]:
    """Return reported over noted: sequential time, parallel time, speedup."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "notes"
        seen = compared(Noting(function, path), items, backend, workers)
        sequential_s, parallel_s = noted_s(path, len(items))
    return (
        seen.sequential_time / sequential_s,
        seen.parallel_time / parallel_s,
        seen.speedup * parallel_s / sequential_s,
    )


def predicted_over_measured(
    function: Callable[[Any], Any], items: Sequence[Any], backend: str, workers: int
) -> dict[int, float]:
    """Return, by worker count, the time predicted from a run at `workers` over the time it took."""
    foretold = compared(function, items, backend, workers).predictions
    return {
        one.workers: one.time_s / compared(function, items, backend, one.workers).parallel_time
        for one in foretold
    }


def show(name: str, figures: Sequence[float]) -> None:
    """Print one ratio's median and spread."""
    print(
        f"{name:52} {statistics.median(figures):6.3f}  ({min(figures):.3f} to {max(figures):.3f})",
        flush=True,
    )


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of a fifth of the items")
    options = parser.parse_args()
    share, rounds = (0.2, 1) if options.quick else (1.0, options.rounds)
    number = round(100 * share)
    waits = [0.03 + 0.04 * (place % 7) / 6 for place in range(number)]
    spins = [turns_of(0.03 + 0.04 * (place % 7) / 6) for place in range(number)]
    jobs = (
        ("waits, threads", wait, waits, "thread", 4),
        ("arithmetic, processes", spin, spins, "process", 2),
    )
    print("Reported over noted by an independent clock")
    for name, function, items, backend, workers in jobs:
        seen = [against_item_times(function, items, backend, workers) for _ in range(rounds)]
        for figure, ratios in zip(
            ("sequential time", "parallel time", "speedup"), zip(*seen, strict=True), strict=True
        ):
            show(f"{name}: {figure}", ratios)
    print("Predicted for other worker counts over what they took")
    others = (
        ("arithmetic, threads", spin, spins[: number // 2], "thread", 4),
        ("a shared lock, threads", half_locked, waits, "thread", 4),
    )
    for name, function, items, backend, workers in (*jobs, *others):
        ratios_by_count = [
            predicted_over_measured(function, items, backend, workers) for _ in range(rounds)
        ]
        for count in sorted(set().union(*ratios_by_count)):
            show(
                f"{name}: from {workers} to {count} workers",
                [one[count] for one in ratios_by_count if count in one],
            )


if __name__ == "__main__":
    main()
