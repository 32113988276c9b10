"""Fetches 5,000 items of an API that fails: requests, time, and how many were had.

    python -m benchmarks.flaky_api [--quick]

The server, in a process of its own, lets 400 requests in a second and answers others with 429 and
`Retry-After: 1`; of those let in, 5 % get 500 and 2 % no answer. Contestants, in turn: `batchmap
run` with what one types for such an API, the same with a number at once, and a script with a
semaphore and tenacity, for several numbers at once. Then 1,500 items of a slow API that does not
fail, by a client with a pool of 100 connections and a time limit of 5 s for one of them, with no
options at all.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
FLAKY = ["--rate", "400", "--errors", "0.05", "--hangs", "0.02"]
SLOW = ["--latency", "0.5"]
COMMAND = (
    "import sys; from batchmap.command.entry_point import entry_point; sys.exit(entry_point())"
)
ASKED = ["--retry-for", "2m", "--timeout", "2s"]
AT_ONCE = (20, 50, 100)

MOST_S = 150.0
"""A contestant that has not ended after so many seconds is stopped."""


class Outcome(NamedTuple):
    """What one contestant needed for one round."""

    seconds: float
    requests: int
    done: int
    counts: dict[str, int]
    """Requests by what became of them."""


@contextmanager
def serving(words: list[str], seed: int) -> Iterator[str]:
    """Serve the API while the block runs, and give its address."""
    command = [sys.executable, str(HERE / "server.py"), "--seed", str(seed), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def measured(command: list[str], words: list[str], number: int, seed: int) -> Outcome:
    """Return what a command needs for so many items of an API that is served with these words."""
    with tempfile.TemporaryDirectory() as place, serving(words, seed) as url:
        numbers, output = Path(place, "numbers.txt"), Path(place, "out.jsonl")
        numbers.write_text("".join(f"{one}\n" for one in range(number)))
        command = [word.format(numbers=numbers, output=output) for word in command]
        start_s = time.perf_counter()
        with subprocess.Popen(
            command,
            env={**os.environ, "FLAKY_API": url},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                process.wait(MOST_S)
            except subprocess.TimeoutExpired:
                process.terminate()
        took_s = time.perf_counter() - start_s
        with urllib.request.urlopen(f"{url}/counts") as answer:
            counts = json.load(answer)
        lines = output.read_text().splitlines() if output.exists() else []
        done = {line.get("result", line)["id"] for line in map(json.loads, lines)}
    return Outcome(took_s, sum(counts.values()), len(done), counts)


def ours(*words: str) -> list[str]:
    """Return `batchmap run` over the API with these options."""
    task = f"{HERE / 'task.py'}:fetch"
    return [sys.executable, "-c", COMMAND, "run", task, "{numbers}", "-o", "{output}", *words]


def by_hand(at_once: int) -> list[str]:
    """Return the script with so many requests at once."""
    return [sys.executable, str(HERE / "by_hand.py"), "{numbers}", "{output}", str(at_once)]


def row(name: str, outcomes: list[Outcome], number: int) -> str:
    """Return a row of the table: medians, and how many items were had at least."""
    seconds = [one.seconds for one in outcomes]
    middle = sorted(outcomes, key=lambda one: one.requests)[len(outcomes) // 2]
    counts = ", ".join(f"{count:,} {what}" for what, count in sorted(middle.counts.items()))
    return (
        f"| {name} | {statistics.median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f}) "
        f"| {middle.requests:,} | {min(one.done for one in outcomes):,} of {number:,} | {counts} |"
    )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the items, one round")
    quick = parser.parse_args().quick
    number, rounds = (1000, 1) if quick else (5000, 3)
    chosen, asked = ASKED, [*ASKED, "-j", "50"]
    contestants = {f"`run {' '.join(words)}`": ours(*words) for words in (chosen, asked)}
    contestants |= {f"by hand, {most} at once": by_hand(most) for most in AT_ONCE}
    outcomes: dict[str, list[Outcome]] = {name: [] for name in contestants}
    for seed in range(rounds):
        for name, command in contestants.items():
            outcomes[name].append(measured(command, FLAKY, number, seed))
    print("| contestant | seconds | requests | done | of them |\n| --- | --- | --- | --- | --- |")
    for name, found in outcomes.items():
        print(row(name, found, number))
    plain = [measured(ours(), SLOW, 1500, seed) for seed in range(rounds)]
    print(row("`run`, a slow API", plain, 1500), flush=True)


if __name__ == "__main__":
    main()
