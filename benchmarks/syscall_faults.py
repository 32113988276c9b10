"""Kill `run` before its N-th system call, or let that fail, resume it, and check everything.

`python -m benchmarks.syscall_faults --kills 500` takes some minutes and prints a table. Kinds of
calls, formats, backends, and inputs that are files or FIFOs are tried evenly. Half of the calls
are drawn from those that concern a file of the output, the others from all; after the first fault,
from the calls of a run that is resumed. It needs strace.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.durability.run_checks import (
    FORMATS,
    TASK,
    Ended,
    Violation,
    check_everything,
    check_nobody_is_left,
    check_talk,
    input_text,
    run,
)
from benchmarks.durability.system_calls import (
    FAILING,
    KINDS,
    Calls,
    count_calls,
    injecting,
    was_met,
)

__all__ = ["Trial", "attempt"]

BACKENDS = ("sequential", "thread", "process")
ERRORS = ("EIO", "ENOSPC", "EDQUOT")
ITEMS = 300
OWN = ("task.py", "in.txt")
MOST_DISTURBED = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """One run, and the calls that it is disturbed at."""

    kind: str
    how: str
    output_format: str
    backend: str
    is_fifo: bool
    in_order: bool
    faults: tuple[tuple[str, str], ...]
    """For each disturbed run in turn: the call, and what strace does to it."""
    seed: int

    def words(self) -> list[str]:
        """Return the words after `run`."""
        words = ["task.py:work", "in.txt", "-o", f"out.{self.output_format}"]
        words += ["--backend", self.backend, "-j", "2", "--no-progress", "--quiet"]
        return [*words, "--keep-order"] if self.in_order else words


def attempt(trial: Trial, directory: Path) -> str:
    """Disturb the trial's run, resume it, and return what came of it.

    Raises `Violation`.
    """
    (directory / "task.py").write_text(TASK)
    output = directory / f"out.{trial.output_format}"
    journal = output.with_name(f"{output.name}.journal")
    codes: list[int] = []
    met = 0
    for call, fault in (*trial.faults, ("", "")):
        words = trial.words()
        if journal.exists() or output.exists():
            words.append("--resume")
        mark = f"syscall-{trial.seed}-{time.monotonic_ns()}"
        try:
            with _input(trial, directory), tempfile.TemporaryDirectory() as aside:
                log = Path(aside) / "log"
                concerned = output if trial.how == "error" else None
                before = injecting(call, fault, log, concerned) if call else ()
                ended = run(words, directory, before=before, mark=mark)
                check_nobody_is_left(mark)
                met += was_met(log)
            check_talk(ended)
            _check_code(trial, ended, is_disturbed=bool(call))
        except Violation as violation:
            listed = sorted(path.name for path in directory.iterdir())
            raise Violation(f"after {codes}, {call} {fault}: {violation} [{listed}]") from violation
        codes.append(ended.code)
        if ended.code in (0, 1):
            break
    died = check_everything(
        output, ITEMS, OWN, may_lose_workers=trial.how == "kill" and len(trial.faults) > 0
    )
    if died:
        return "items died"
    if len(codes) == 1:
        return "went on" if met else "not met"
    return f"resumed {len(codes) - 1} times"


def _check_code(trial: Trial, ended: Ended, *, is_disturbed: bool) -> None:
    """Raise `Violation` for an exit code that cannot be right, or one that is not explained."""
    right = {0, 1}
    if is_disturbed:
        right |= {3}
        if trial.how == "kill":
            right |= {-9}
    if ended.code not in right:
        raise Violation(f"exit code {ended.code}: {ended.errors}")
    if ended.code == 3 and not ended.error_lines():
        raise Violation("exit code 3 without a word")


@contextlib.contextmanager
def _input(trial: Trial, directory: Path) -> Iterator[None]:
    """Provide the whole input, as a file or through a new FIFO."""
    path = directory / "in.txt"
    path.unlink(missing_ok=True)
    if not trial.is_fifo:
        path.write_text(input_text(ITEMS))
        yield
        return
    os.mkfifo(path)
    is_over = threading.Event()
    writer = threading.Thread(target=_feed, args=(path, is_over))
    writer.start()
    try:
        yield
    finally:
        is_over.set()
        writer.join()


def _feed(path: Path, is_over: threading.Event) -> None:
    """Write the input once a reader is there; it fits into the pipe's buffer."""
    while not is_over.wait(0.005):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(descriptor, input_text(ITEMS).encode())
            finally:
                os.close(descriptor)
            return


Counted = Mapping[tuple[str, str], tuple[Calls, Calls]]
"""The calls of an undisturbed run of each format and backend, and of one that is resumed."""


def _trials(number: int, seed: int, counted: Counted) -> list[Trial]:
    kinds = [(kind, "kill") for kind in KINDS] + [(kind, "error") for kind in FAILING]
    trials: list[Trial] = []
    for index in range(number):
        draw = random.Random(seed * 1_000_003 + index)
        kind, how = kinds[index % len(kinds)]
        configurations = [one for one in counted if _calls_of(counted[one][0], kind, how)]
        if not configurations:
            continue
        output_format, backend = draw.choice(configurations)
        fresh, resumed = counted[output_format, backend]
        again = resumed if _calls_of(resumed, kind, how) else fresh
        number_of_faults = draw.choice((1, 1, 2, MOST_DISTURBED))
        trials.append(
            Trial(
                kind=kind,
                how=how,
                output_format=output_format,
                backend=backend,
                is_fifo=draw.random() < 0.35,
                in_order=draw.random() < 0.3,
                faults=tuple(
                    _fault(again if resumes else fresh, kind, how, draw)
                    for resumes in range(number_of_faults)
                ),
                seed=draw.randrange(2**31),
            )
        )
    return trials


def _calls_of(calls: Calls, kind: str, how: str) -> list[str]:
    made = calls.threads if how == "kill" else calls.of_output
    return [call for call in KINDS[kind] if made.get(call)]


def _fault(calls: Calls, kind: str, how: str, draw: random.Random) -> tuple[str, str]:
    """Draw a call, its number, and what strace does to it."""
    call = draw.choice(_calls_of(calls, kind, how))
    concerned = calls.of_output.get(call, [])
    if how == "error":
        number = draw.randint(1, len(concerned))
    elif concerned and draw.random() < 0.5:
        number = draw.choice(concerned)
    else:
        number = draw.randint(1, draw.choice(calls.threads[call]))
    if how == "kill":
        return call, f"signal=KILL:when={number}"
    lasts = "+" if draw.random() < 0.3 else ""
    return call, f"error={draw.choice(ERRORS)}:when={number}{lasts}"


def _counted(configurations: Sequence[tuple[str, str]], jobs: int) -> Counted:
    with ThreadPoolExecutor(jobs) as pool:
        return dict(zip(configurations, pool.map(_calls_made, configurations), strict=True))


def _calls_made(configuration: tuple[str, str]) -> tuple[Calls, Calls]:
    """Return the calls of a run, and of one that goes on with half of it after a crash."""
    output_format, backend = configuration
    trial = Trial("", "", output_format, backend, False, False, (), 0)
    output = f"out.{output_format}"
    found = []
    for is_resumed in (False, True):
        with tempfile.TemporaryDirectory() as name, _input(trial, Path(name)):
            directory = Path(name)
            (directory / "task.py").write_text(TASK)
            words = trial.words()
            if is_resumed:
                run([*words, "--limit", str(ITEMS // 2)], directory)
                if output_format != "parquet":  # whose parts are whole
                    with (directory / output).open("ab") as file:
                        file.write(b"half a line")
                words.append("--resume")
            found.append(count_calls(words, directory, output=output))
    return found[0], found[1]


def main() -> int:
    """Run the campaign; 1 when something was violated."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, help="begin none after so long")
    parser.add_argument("--only", type=int, help="the one of this number alone")
    parser.add_argument("--quick", action="store_true", help="14 of them, in two configurations")
    options = parser.parse_args()
    if shutil.which("strace") is None:
        print("strace is missing, so nothing was tried")
        return 0
    configurations = [(one, backend) for one in FORMATS for backend in BACKENDS]
    if options.quick:
        configurations = [("jsonl", "process"), ("parquet", "sequential")]
    trials = _trials(
        28 if options.quick else options.kills,
        options.seed,
        _counted(configurations, options.jobs),
    )
    numbered = list(enumerate(trials))
    if options.quick:
        numbered = numbered[::2]
    if options.only is not None:
        numbered = numbered[options.only : options.only + 1]
    outcomes: Counter[tuple[str, str]] = Counter()
    violations = 0

    began_s = time.monotonic()

    def one(numbered: tuple[int, Trial]) -> tuple[int, Trial, str, str]:
        number, trial = numbered
        if options.minutes and time.monotonic() - began_s > 60 * options.minutes:
            return number, trial, "not begun", ""
        with tempfile.TemporaryDirectory() as directory:
            try:
                return number, trial, attempt(trial, Path(directory)), ""
            except (Violation, OSError, ValueError, KeyError) as error:
                return number, trial, "VIOLATED", f"{type(error).__name__}: {error}"

    with ThreadPoolExecutor(options.jobs) as pool:
        for number, trial, outcome, why in pool.map(one, numbered):
            outcomes[f"{trial.how} {trial.kind}", outcome] += 1
            if why:
                violations += 1
                print(f"{number} {trial}: {why}", flush=True)
    for row in dict.fromkeys(row for row, _ in outcomes):
        found = {outcome: times for (one_row, outcome), times in outcomes.items() if one_row == row}
        print(f"{row:18} " + ", ".join(f"{found[outcome]} {outcome}" for outcome in sorted(found)))
    begun = sum(times for (_, outcome), times in outcomes.items() if outcome != "not begun")
    print(f"{begun - violations} of {begun}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
