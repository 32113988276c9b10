"""Runs that have ended, and runs that were stopped half way, for others to damage and resume."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from benchmarks.durability.run_checks import Violation, run, started

__all__ = ["ITEMS", "OWN", "STATES", "prepare", "words_of"]

ITEMS = 400
OWN = ("task.py", "in.txt", "in-order")
STATES = (
    "finished",
    "halted",
    "killed",
    "resumed and killed",
    "killed in order",
    "extended and killed",
)
COMMITS = 2
"""After so many commits, and one that may be half done, a run is killed."""


def words_of(output: Path) -> list[str]:
    """Return the words after `run`."""
    words = ["task.py:work", "in.txt", "-o", output.name, "--backend", "thread", "-j", "2"]
    words += ["--no-progress", "--quiet"]
    in_order = output.with_name("in-order")
    return [*words, "--keep-order"] if in_order.exists() else words


def prepare(state: str, directory: Path, output: Path) -> None:
    """Bring a run into one of `STATES`."""
    if state == "killed in order":
        (directory / "in-order").touch()
    words = words_of(output)
    if state == "finished":
        _expect(run([*words, "--rate", "80"], directory).code, 1)  # slow enough for some parts
    elif state == "extended and killed":
        _expect(run([*words, "--rate", "80", "--limit", "200"], directory).code, 1)
        _run_and_kill([*words, "--resume", "--rate", "60"], directory, output)
    elif state == "halted":
        _expect(run([*words, "--halt", "9"], directory).code, 4)
    elif state == "resumed and killed":
        _expect(run([*words, "--halt", "5"], directory).code, 4)
        _run_and_kill([*words, "--resume", "--rate", "60"], directory, output)
    else:
        _run_and_kill([*words, "--rate", "60"], directory, output)


def _expect(found: int, wanted: int) -> None:
    if found != wanted:
        raise Violation(f"exit code {found} of a run that nothing disturbed, instead of {wanted}")


def _run_and_kill(words: list[str], directory: Path, output: Path) -> None:
    """Kill the run after a few commits, which for Parquet are rare."""
    process = started(words, directory)
    seen: list[int] = []
    while len(seen) <= COMMITS and process.poll() is None:
        size = _written(output)
        if size and size not in seen:
            seen.append(size)
        time.sleep(0.02)
    time.sleep(0.1)
    if process.poll() is not None:  # on a busy machine it may have come to its end
        _expect(process.returncode, 1)
        return
    os.killpg(process.pid, signal.SIGKILL)
    _expect(process.wait(), -signal.SIGKILL)
    time.sleep(0.2)


def _written(output: Path) -> int:
    """Return how long the output is; for Parquet, how many parts there are."""
    if output.suffix == ".parquet":
        return len(list(output.with_name(f"{output.name}.parts").glob("part-*")))
    return output.stat().st_size if output.exists() else 0
