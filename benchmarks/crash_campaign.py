"""Stop `run` at random moments in every way there is, resume it, and see that nothing is lost.

`python -m benchmarks.crash_campaign --runs 200` takes some minutes and prints a line for each kind
of end. After each end, and after the last resume, the invariants hold: every item has exactly one
record, the journaled part of the output parses, no process and no stray file is left. Then the
input is edited and the output synced, which is stopped in the same way; the end is what a new run
would write, and the function was called for the new items alone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.durability.crash_checks import (
    CALLS,
    MARK,
    check_everything,
    check_journaled_part,
    check_nobody_is_left,
    marked,
)
from benchmarks.durability.run_checks import Violation

__all__ = ["ENDS", "FORMATS", "Trial", "attempt"]

ROOT = Path(__file__).parent.parent
ENDS = (
    "kill the command",
    "kill a worker",
    "SIGTERM",
    "Ctrl-C",
    "Ctrl-C twice",
    "failing write",
    "failing sync",
    "failing rename",
    "killed at write",
    "killed at sync",
)
FORMATS = ("jsonl", "csv")
SPLIT_SIZES = ("", "5K", "300K")
BACKENDS = ("auto", "sequential", "thread", "process")
ITEMS = 1500
MOST_PARTS = 3
"""How many results an item has at most where they are expanded."""
MOST_RESUMES = 30
MOST_ACTS = {"write": 12, "sync": 5, "rename": 1}
"""How many of each a run does, about."""

TASK = f"""
import time

calls = open("{CALLS}", "a", buffering=1)

def work(line):
    number = int(line)
    calls.write(line + "\\n")
    time.sleep(0.002)
    if number % 17 == 3:
        raise ValueError(f"no {{number}}")
    return {{"number": number, "part": 0, "text": f"line\\n{{number}}, 'ü'" + "." * 2000}}

def several(line):
    for part in range(int(line) % {MOST_PARTS + 1}):
        yield {{**work(line), "part": part}}
    if int(line) % {MOST_PARTS + 1} == 0:
        work(line)
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run and how it is stopped."""

    end: str
    output_format: str
    split_size: str
    """That of part files, empty for an output in one file."""
    in_order: bool
    backend: str
    seed: int
    expands: bool = False
    """Whether an item has any number of results."""

    def parts_of(self, number: int) -> int:
        """Return how many results the item of this number has."""
        return number % (MOST_PARTS + 1) if self.expands else 1

    def words(self, directory: Path) -> list[str]:
        """Return the command line after `main.py`."""
        function = "several" if self.expands else "work"
        words = ["run", f"task.py:{function}", "input.txt", "-o", f"out.{self.output_format}"]
        words += ["--backend", self.backend, "-j", "4", "--no-progress"]
        words += ["--split-size", self.split_size] if self.split_size else []
        words += ["--expand"] if self.expands else []
        return [*words, "--keep-order"] if self.in_order else words


def attempt(trial: Trial, directory: Path) -> int:
    """Stop the trial's run and resume it until it is done; return how many resumes it took.

    Raises `Violation`.
    """
    (directory / "task.py").write_text(TASK)
    draw = random.Random(trial.seed)
    items = list(range(ITEMS))
    resumes = _stop_and_go_on(trial, directory, draw, items, "--resume")
    for _ in range(draw.randint(1, 2)):
        before, items = items, _edited(items, draw)
        (directory / CALLS).write_text("")
        resumes += _stop_and_go_on(trial, directory, draw, items, "--sync")
        called = set(map(int, (directory / CALLS).read_text().split()))
        if called != (new := set(Counter(items) - Counter(before))):
            raise Violation(f"called for {called - new} and not for {new - called}")
    return resumes


def _edited(items: Sequence[int], draw: random.Random) -> list[int]:
    """Return the items after some were removed, moved, repeated and added."""
    edited = list(items)
    for _ in range(draw.randint(1, 6)):
        place, size = draw.randrange(len(edited)), draw.randint(1, 100)
        some = edited[place : place + size]
        what = draw.choice(["remove", "move", "repeat", "add", "add"])
        if what in ("remove", "move"):
            del edited[place : place + size]
        target = draw.randint(0, len(edited))
        if what in ("move", "repeat"):
            edited[target:target] = some
        elif what == "add":
            first = max(edited) + 1
            edited[target:target] = range(first, first + size)
    return edited


def _stop_and_go_on(
    trial: Trial, directory: Path, draw: random.Random, items: Sequence[int], way: str
) -> int:
    """Stop a run, or with `--sync` any number of syncs, until all is done; return how often."""
    (directory / "input.txt").write_text("".join(f"{number}\n" for number in items))
    for resumes in range(MOST_RESUMES):
        words = trial.words(directory) + ([way] if resumes or way == "--sync" else [])
        last = resumes >= 3
        mark = f"{trial.seed}-{way}-{resumes}-{os.getpid()}"
        code = _run_and_stop(trial, words, directory, draw, mark, undisturbed=last)
        check_nobody_is_left(mark)
        check_journaled_part(
            trial.output_format,
            directory,
            has_equal_items=way == "--sync",
            parts_of=trial.parts_of,
        )
        if code in (0, 1):
            check_everything(
                trial.output_format,
                directory,
                items,
                in_order=trial.in_order or way == "--sync",
                parts_of=trial.parts_of,
            )
            return resumes
        if last:
            raise Violation(f"exit code {code} of an undisturbed {way}")
    raise Violation("never done")


def _run_and_stop(
    trial: Trial,
    words: Sequence[str],
    directory: Path,
    draw: random.Random,
    mark: str,
    *,
    undisturbed: bool,
) -> int:
    program = [sys.executable, str(ROOT / "main.py")]
    how, act = trial.end.split()[0], trial.end.split()[-1]
    by_disk = act in MOST_ACTS
    if by_disk and not undisturbed:
        number = draw.randint(1, MOST_ACTS[act])
        program = [
            sys.executable,
            "-m",
            "benchmarks.durability.failing_disk",
            how,
            act,
            str(number),
        ]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [*program, *words],
        cwd=directory,
        env={**os.environ, MARK: mark, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if not undisturbed and not by_disk:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.05, 1.3))
        _stop(process, trial.end, draw, mark)
    _, errors = process.communicate(timeout=60)
    if "KeyboardInterrupt" in errors and "batchmap" not in errors:  # Python was starting
        return -signal.SIGINT
    if "Traceback" in errors:
        raise Violation(f"a traceback: {errors}")
    expected = {
        "kill the command": (-signal.SIGKILL,),
        "kill a worker": (3,),  # before it began
        "SIGTERM": (143, -signal.SIGTERM),
        "Ctrl-C": (130, -signal.SIGINT),
        "Ctrl-C twice": (130, -signal.SIGINT),
        "killed at write": (-signal.SIGKILL,),
        "killed at sync": (-signal.SIGKILL,),
    }.get(trial.end, (3,))
    if process.returncode not in (1, *expected):
        raise Violation(f"exit code {process.returncode} after {trial.end}: {errors}")
    return process.returncode


def _stop(process: subprocess.Popen[str], end: str, draw: random.Random, mark: str) -> None:
    with contextlib.suppress(ProcessLookupError):
        if end == "kill the command":
            process.kill()
        elif end == "kill a worker":
            workers = [pid for pid in marked(mark) if pid != process.pid]
            if workers:
                os.kill(draw.choice(workers), signal.SIGKILL)
        elif end == "SIGTERM":
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGINT)
            if end == "Ctrl-C twice":
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(draw.uniform(0.0, 0.1))
                os.killpg(process.pid, signal.SIGINT)


def main() -> int:
    """Run the campaign; 1 when an invariant was violated."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one run for each kind of end")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    held: Counter[str] = Counter()
    resumes: Counter[str] = Counter()
    violations = []
    runs = len(ENDS) if options.quick else options.runs
    with ThreadPoolExecutor(options.jobs) as pool:
        trials = [_trial(options.seed, number) for number in range(runs)]
        for trial, found in zip(trials, pool.map(_outcome, trials), strict=True):
            if isinstance(found, int):
                resumes[trial.end] += found
                held[trial.end] += 1
            else:
                violations.append(f"{trial}: {found}")
                print(violations[-1], flush=True)
    for end in ENDS:
        print(f"{end:18} {held[end]:4} held, {resumes[end]} resumes")
    print(f"{sum(held.values())} of {runs}")
    return 1 if violations else 0


def _trial(seed: int, number: int) -> Trial:
    draw = random.Random(seed * 1_000_003 + number)
    return Trial(
        end=ENDS[number % len(ENDS)],
        output_format=draw.choice(FORMATS),
        split_size=draw.choice(SPLIT_SIZES),
        in_order=draw.random() < 0.5,
        backend=draw.choice(BACKENDS),
        seed=draw.randrange(2**31),
        expands=draw.random() < 0.5,
    )


def _outcome(trial: Trial) -> int | str:
    """Return how many resumes a trial took, or what was violated."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            return attempt(trial, Path(directory))
        except (Violation, subprocess.TimeoutExpired, ValueError, OSError) as error:
            return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
