"""How often `benchmark --gate` is wrong beside a noisy neighbour, and how often it finds 10 %.

    python -m benchmarks.gate_accuracy [--quick] [--real 30] [--saved 30] [--recorded 300]

A task that computes is compared with itself, and with a copy that computes 10 % more, while
processes burn cores in bursts, one process for each core. Three kinds of figures:

    command    `benchmark --versus HEAD --gate 5%` as a whole, in a repository of its own
    replayed   the decision alone, on stretches of recordings of both sides: real times beside
               the same neighbour, for the 10 % those of one side multiplied by 1.1
    saved      `benchmark --against FILE --gate 10%` as a whole, after `--save`, so not in turn

The exit code is 1 when more than 1 % of a kind's comparisons of the task with itself say slower,
or when less than 95 % of the first two kinds find the 10 % within a minute; not with `--quick`,
which does too few to judge by.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from batchmap.resources import usable_cores

from batchmap_workbook.utils.analysis.gate import Decision, run_in_turn
from batchmap_workbook.utils.cli.settings import Settings
from batchmap_workbook.utils.execution.revisions import SidePlan
from benchmarks.gate_recordings import Player, record
from benchmarks.noisy_neighbour import noisy_neighbour

__all__ = ["main"]

MAIN = Path(__file__).resolve().parent.parent / "main.py"

TASK = """\
def work(line):
    total = 0
    for number in range({turns}):
        total += number & 7
    return total
"""

TURNS = 40_000
"""Turns of the loop for an item, a millisecond or two."""

ITEMS = 60

ITEMS_A_RUN = 30
"""In the recording; about as many as the command finds right for its runs."""

PLANTED = 1.1

GATE = 0.05

SAVED_GATE = 0.10

TIME_LIMIT_S = 60.0

REPLAYS = 3000


class Said(NamedTuple):
    """What one comparison said."""

    decision: str
    took_s: float


@contextmanager
def repository() -> Iterator[Path]:
    """Give a git repository with the task and its input, in one commit, as current directory."""
    with tempfile.TemporaryDirectory() as made:
        directory, before = Path(made), Path.cwd()
        plant(directory, 1.0)
        (directory / "lines.txt").write_text("".join(f"{number}\n" for number in range(ITEMS)))
        author = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost")
        for words in (("init", "-q"), ("add", "."), (*author, "commit", "-q", "-m", "task")):
            subprocess.run(["git", *words], cwd=directory, check=True)
        os.chdir(directory)
        try:
            yield directory
        finally:
            os.chdir(before)


def plant(directory: Path, factor: float) -> None:
    """Give the task `factor` times its work."""
    (directory / "tasks.py").write_text(TASK.format(turns=round(TURNS * factor)))


def command(*words: str) -> tuple[dict[str, object], float]:
    """Return the export of `benchmark` with these words, and the seconds that all of it took."""
    since_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(MAIN), "benchmark", "tasks.py:work", "lines.txt", "--no-progress",
         "--export-json", "report.json", *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    took_s = time.perf_counter() - since_s
    if done.returncode not in (0, 5):
        raise RuntimeError(f"benchmark ended with {done.returncode}: {done.stderr}")
    report: dict[str, object] = json.loads(Path("report.json").read_text())
    return {**report, "exit_code": done.returncode}, took_s


def by_command(directory: Path, factor: float) -> Said:
    """Compare the task, with `factor` times its work in the working tree, with its commit."""
    plant(directory, factor)
    report, took_s = command("--versus", "HEAD", "--gate", f"{GATE:.0%}")
    return Said(report["versus"]["figure"]["decision"], took_s)  # type: ignore[index]


def against_saved(directory: Path, factor: float) -> Said:
    """Save the task's times, and compare it with `factor` times its work with them."""
    plant(directory, 1.0)
    command("--save", "before.json", "--repeat", "7")
    plant(directory, factor)
    report, took_s = command("--against", "before.json", "--gate", f"{SAVED_GATE:.0%}")
    decisions = {one["decision"] for one in report["gate"]["figures"]}  # type: ignore[index]
    worst = next(one for one in (Decision.SLOWER, Decision.CANNOT_TELL, Decision.NOT_SLOWER)
                 if one in decisions)  # fmt: skip
    return Said(worst, took_s)


def replayed(
    recordings: list[list[tuple[float, float]]], factor: float, rng: random.Random
) -> Said:
    """Decide on stretches of the recordings, as if the command had measured them."""
    player = Player(recordings, factor, rng)
    runs = run_in_turn(player.start, gate=GATE, rng=rng, clock=player.clock)
    assert runs.decision is not None
    return Said(runs.decision, player.clock.now())


def tell(kind: str, factor: float, said: list[Said]) -> float:
    """Print what a kind of comparisons said; return the share that said slower in time."""
    times_s = sorted(one.took_s for one in said)
    counts = [sum(one.decision == decision for one in said) for decision in Decision]
    print(
        f"{kind:10} {factor - 1:+5.0%} {len(said):6} " + "".join(f"{one:12}" for one in counts)
        + f"   {times_s[len(times_s) // 2]:6.1f}s {times_s[-1]:6.1f}s",
        flush=True,
    )  # fmt: skip
    in_time = [one for one in said if one.took_s <= TIME_LIMIT_S]
    return sum(one.decision == Decision.SLOWER for one in in_time) / len(said)


def main() -> int:
    """Print a line for each kind, without and with the planted 10 %."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a few of each kind")
    parser.add_argument("--real", type=int, default=30, help="runs of the command, each way")
    parser.add_argument("--saved", type=int, default=30, help="the same, against a saved file")
    parser.add_argument("--recorded", type=float, default=300.0, help="seconds to record")
    options = parser.parse_args()
    real, saved, recorded_s, replays = options.real, options.saved, options.recorded, REPLAYS
    if options.quick:
        real, saved, recorded_s, replays = 1, 1, 10.0, 300
    failed = False
    print(f"{'kind':10} {'':5} {'number':>6} " + "".join(f"{one:>12}" for one in Decision)
          + "    median    most", flush=True)  # fmt: skip

    def judge(kind: str, number: int, compare: Callable[[float], Said], *, finds: bool) -> None:
        nonlocal failed
        if not number:
            return
        said = {factor: [compare(factor) for _ in range(number)] for factor in (1.0, PLANTED)}
        shares = {factor: tell(kind, factor, ones) for factor, ones in said.items()}
        failed |= shares[1.0] > 0.01 or (finds and shares[PLANTED] < 0.95)

    with noisy_neighbour(usable_cores()), repository() as directory:
        settings = Settings.of(task="tasks.py:work", input="lines.txt")
        if recorded_s:
            recordings = record(
                settings, SidePlan("sequential", 1), items_a_run=ITEMS_A_RUN, duration_s=recorded_s
            )
            rng = random.Random(0)
            judge("replayed", replays, lambda factor: replayed(recordings, factor, rng), finds=True)
        judge("command", real, lambda factor: by_command(directory, factor), finds=True)
        judge("saved", saved, lambda factor: against_saved(directory, factor), finds=False)
    return 1 if failed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
