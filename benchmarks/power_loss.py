"""Lose the power at random moments of a run, resume it, and see that nothing is lost.

`python -m benchmarks.power_loss --points 2000` takes half an hour and prints a line for each
scenario; with TMPDIR in memory it tests the same and is faster. A run is recorded by strace; states
that the disk may have after a loss of power are drawn from the recording, and each is resumed. Then
every item has exactly one record, of the new run, and no stray file is left. When the loss came
before an overwrite had begun durably, the old run may be there instead, as it was.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from benchmarks.durability.crash_states import Disk, tree_of
from benchmarks.durability.power_loss_checks import TASK, Violation, check_everything, input_lines
from benchmarks.durability.power_loss_recording import (
    IGNORED,
    ITEMS,
    Recording,
    Scenario,
    record,
    run_command,
    scenarios,
)

__all__ = ["recover"]

QUICK = ("jsonl fresh", "csv resume", "parquet fresh", "jsonl overwrite", "csv killed at sync 10")
QUICK_POINTS = 20

CHANGED = "when the run began"
"""What the command says of an input that is not that of the run."""
KEPT_STATES = 5
"""Of so many violations the directory is kept."""


def recover(recording: Recording, seed: str, directory: Path) -> None:
    """Draw a moment and a state, resume the run from there, and check it; raises `Violation`."""
    draw, scenario = random.Random(seed), recording.scenario
    name = draw.choice(sorted({recording.calls[number].name for number in recording.acts}))
    number = draw.choice([one for one in recording.acts if recording.calls[one].name == name])
    done = number + draw.randint(0, 1)
    disk = Disk(recording.directory, recording.before, IGNORED)
    for call in recording.calls[:done]:
        disk.act(call)
    state = disk.draw(draw)
    for path, content in state.items():
        if content is None:
            (directory / path).mkdir()
        else:
            (directory / path).write_bytes(content)
    (directory / "task.py").write_text(TASK)
    (directory / "input.txt").write_text(input_lines(ITEMS, "new"))
    output = f"out.{scenario.output_format}"
    options = ["--resume"] if output in state or f"{output}.journal" in state else []
    if scenario.replaces and draw.random() < 0.2:
        options = ["--overwrite"]
    where = f"{name} {number}/{len(recording.calls)}{' done' if done > number else ''}"
    code, errors = run_command(scenario.command(*options), directory)
    try:
        if code == 3 and done < recording.begun and CHANGED in errors and "--resume" in options:
            if scenario.mode == "overwrite":
                _check_old_run(recording, directory)
            code, errors = run_command(scenario.command("--overwrite"), directory)
        if code != 1:
            raise Violation(f"exit code {code}")
        check_everything(directory, scenario.output_format, ITEMS, "new")
    except Violation as error:
        sizes = {path: None if content is None else len(content) for path, content in state.items()}
        raise Violation(f"{scenario}, {seed}, {where}, {sizes}: {error}\n{errors}") from error


def _check_old_run(recording: Recording, directory: Path) -> None:
    """Raise `Violation` unless the files of the older run are what they were."""
    left = tree_of(directory, IGNORED)
    for path, content in recording.before.items():
        if not path.endswith(".journal") and left.get(path) != content:
            raise Violation(f"the old run was kept, and its {path} is not what it was")


def main() -> int:
    """Run the campaign; 1 when something was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="scenarios whose name holds this text")
    parser.add_argument("--quick", action="store_true", help="some points of some scenarios")
    options = parser.parse_args()
    if shutil.which("strace") is None:
        print("strace is not installed, so no power is lost")
        return 0 if options.quick else 1
    chosen = [one for one in scenarios() if options.only in str(one)]
    points = options.points
    if options.quick:
        chosen, points = [one for one in chosen if str(one) in QUICK], QUICK_POINTS
    with tempfile.TemporaryDirectory(prefix="power-loss-") as base:
        return _campaign(chosen, points, options.seed, options.jobs, Path(base))


def _campaign(chosen: list[Scenario], points: int, seed: int, jobs: int, base: Path) -> int:
    exact: Counter[Scenario] = Counter()
    drawn: Counter[Scenario] = Counter()
    violations = 0
    with ThreadPoolExecutor(jobs) as pool:
        places = [base / f"recording-{number}" for number in range(len(chosen))]
        recordings = list(pool.map(record, chosen, places))
        trials = {}
        for number in range(points):
            directory = base / f"point-{number}"
            recording = recordings[number % len(recordings)]
            trials[pool.submit(_trial, recording, f"{seed}-{number}", directory)] = (
                recording.scenario,
                directory,
            )
        for trial in as_completed(trials):
            scenario, directory = trials[trial]
            drawn[scenario] += 1
            if (violation := trial.result()) is None:
                exact[scenario] += 1
                continue
            violations += 1
            print(violation, flush=True)
            if violations <= KEPT_STATES:
                kept = Path(tempfile.mkdtemp(prefix="power-loss-kept-"))
                shutil.copytree(directory, kept, dirs_exist_ok=True)
                print(f"kept in {kept}", flush=True)
            shutil.rmtree(directory)
    for scenario in chosen:
        print(f"{scenario!s:28} {drawn[scenario]:5} points {exact[scenario]:5} exact")
    print(f"{sum(exact.values())} of {points}")
    return 1 if violations else 0


def _trial(recording: Recording, seed: str, directory: Path) -> str | None:
    """Return what was violated; the directory is then kept."""
    directory.mkdir()
    try:
        recover(recording, seed, directory)
    except (Violation, subprocess.TimeoutExpired) as error:
        return str(error)
    shutil.rmtree(directory)
    return None


if __name__ == "__main__":
    sys.exit(main())
