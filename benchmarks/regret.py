"""Regret: our time with default settings over that of the fastest peer with its best settings.

    python -m benchmarks.regret [--quick] [--rounds 5] [--only JOB ...] [--json FILE]

Each measurement is a process of its own; what is timed is the one call, the start and the end of
its workers included. Each peer's chunk sizes are swept once, and its best one contests in the
rounds, in which contestants take turns. Every result is checked. The peers' packages are in
`benchmarks/requirements.txt`; those that are missing do not contest.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.jobs import JOBS, Job, spins_a_second
from benchmarks.peers import CHUNKED, PEERS, PEERS_FOR

ROOT = Path(__file__).parent.parent

SWEPT = (1, 4, 16, 128, 1024, 8192)
"""Chunk sizes that are tried; 0 stands for a peer's own choice."""


def contest(job: Job, peer: str, chunk: int, spins: float, share: float) -> float:
    """Return the seconds that one call takes; raises when a result is wrong."""
    items = job.items(spins, share)
    expected = items if job.kind == "async" or job.kind == "wait" else None
    run = PEERS[peer]
    if peer == "ours":
        import batchmap.api  # noqa: F401
    start_s = time.perf_counter()
    results = run(job.function, items, job.workers, chunk)
    taken_s = time.perf_counter() - start_s
    if expected is None:
        expected = [job.function(item) for item in items]
    if list(results) != list(expected):
        raise AssertionError(f"{peer} gave wrong results for {job.name}")
    return taken_s


def measured_s(job: Job, peer: str, chunk: int, spins: float, share: float) -> float:
    """Return what a fresh process measures; infinite where the peer fails."""
    words = ["--contest", job.name, peer, str(chunk), str(spins), str(share)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.regret", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        if peer == "ours":
            raise RuntimeError(done.stderr)
        return math.inf
    return float(done.stdout.split()[-1])


def best_chunk(job: Job, peer: str, spins: float, share: float) -> int:
    """Return the chunk size with which the peer is fastest."""
    number = len(job.items(spins, share))
    if peer not in CHUNKED:
        return 0
    # Thousands of hand-overs take half a minute, and are never best.
    sizes = [size for size in SWEPT if number / 4000 <= size <= number]
    if peer != "futures processes":
        sizes.append(0)
    return min(sizes, key=lambda size: measured_s(job, peer, size, spins, share))


def run_job(job: Job, rounds: int, spins: float, share: float) -> dict[str, Any]:
    """Return the medians of all contestants, and our regret in each round."""
    chunks = {peer: best_chunk(job, peer, spins, share) for peer in PEERS_FOR[job.kind]}
    contestants = {"ours": 0, **chunks}
    times: dict[str, list[float]] = {peer: [] for peer in contestants}
    for _ in range(rounds):
        for peer, chunk in contestants.items():
            times[peer].append(measured_s(job, peer, chunk, spins, share))
    medians = {peer: statistics.median(seen) for peer, seen in times.items()}
    rival = min(PEERS_FOR[job.kind], key=medians.__getitem__)
    regrets = [own / other for own, other in zip(times["ours"], times[rival], strict=True) if other]
    return {
        "job": job.name,
        "rival": rival,
        "chunk": chunks[rival],
        "medians_s": medians,
        "times_s": times,
        "regret": statistics.median(regrets),
        "regret_from": min(regrets),
        "regret_to": max(regrets),
    }


def main() -> None:
    """Measure, print the table, and write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of the items")
    parser.add_argument("--only", nargs="*", default=[], metavar="JOB")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--contest", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    by_name = {job.name: job for job in JOBS}
    if options.contest:
        name, peer, chunk, spins, share = options.contest
        print(contest(by_name[name], peer, int(chunk), float(spins), float(share)))
        return
    share, rounds = (0.1, 1) if options.quick else (1.0, options.rounds)
    spins = spins_a_second()
    table = []
    print(f"{'job':22} {'ours s':>8} {'best s':>8}  regret (spread)       fastest peer")
    for job in JOBS:
        if options.only and job.name not in options.only:
            continue
        row = run_job(job, rounds, spins, share)
        table.append(row)
        spread = f"({row['regret_from']:.2f} to {row['regret_to']:.2f})"
        chunk = f", chunk {row['chunk']}" if row["chunk"] else ""
        ours_s, best_s = row["medians_s"]["ours"], row["medians_s"][row["rival"]]
        print(
            f"{job.name:16} {ours_s:8.4f} {best_s:8.4f}  {row['regret']:6.2f} {spread:15} "
            f"{row['rival']}{chunk}",
            flush=True,
        )
    mean = math.exp(statistics.fmean(math.log(row["regret"]) for row in table))
    print(f"geometric mean {mean:.3f}, worst {max(row['regret'] for row in table):.2f}")
    if options.json:
        options.json.write_text(json.dumps({"rounds": rounds, "jobs": table}, indent=2) + "\n")


if __name__ == "__main__":
    main()
