"""Damage the files of a run that has ended or was stopped, and see that a resume notices it.

`python -m benchmarks.damage --cases 300` takes some minutes and prints a table. Bits are flipped,
bytes cut, changed or added in the output, its journal or a Parquet part; then the run is resumed.
Right is either an output with each item once, or exit code 3 with one true line on stderr and all
files as they were. What the line advises is tried, too.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.durability.damaged_bytes import DAMAGES
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
    written_files,
)
from benchmarks.durability.stopped_runs import ITEMS, OWN, STATES, prepare, words_of

__all__ = ["Case", "attempt"]

PARTS = "change the parts"
FINISHED = ("finished", "extended and killed")
"""States in which a Parquet output is merged."""
TARGETS = ("output", "journal", "part")


@dataclass(frozen=True, slots=True)
class Case:
    """One file of one run that is damaged in one way."""

    state: str
    output_format: str
    target: str
    damage: str
    seed: int


def attempt(case: Case, prepared: Path, directory: Path) -> str:
    """Damage a copy of the prepared run, resume it, and return what came of it.

    Raises `Violation`.
    """
    shutil.copytree(prepared, directory, dirs_exist_ok=True)
    output = directory / f"out.{case.output_format}"
    draw = random.Random(case.seed)
    damaged = _target(case, output, draw)
    if damaged is None:
        return "not to be had"
    data = damaged.read_bytes()
    changed = DAMAGES[case.damage](data, draw)
    if changed is None:
        damaged.unlink()
    elif changed == data:
        return "not to be had"
    else:
        damaged.write_bytes(changed)
    where = _described(data, changed)
    try:
        return _resume(case, directory, output, damaged)
    except Violation as violation:
        raise Violation(f"{damaged.name} ({where}): {violation}") from violation


def _described(data: bytes, changed: bytes | None) -> str:
    """Say where two contents differ."""
    if changed is None:
        return f"{len(data)} bytes removed"
    both = min(len(data), len(changed))
    first = next((at for at in range(both) if data[at] != changed[at]), both)
    return f"{len(data)} bytes, now {len(changed)}, the first change at {first}"


def _target(case: Case, output: Path, draw: random.Random) -> Path | None:
    """Return the file to be damaged, if the run has it."""
    if case.target == "journal":
        journal = output.with_name(f"{output.name}.journal")
        beside = journal.with_name(f"{journal.name}-wal")
        is_beside = beside.exists() and beside.stat().st_size and draw.random() < 0.7
        return beside if is_beside else journal
    if case.target == "part":
        parts = sorted(output.with_name(f"{output.name}.parts").glob("part-*.parquet"))
        return draw.choice(parts) if parts else None
    return output if output.exists() and output.stat().st_size else None


def _resume(case: Case, directory: Path, output: Path, damaged: Path) -> str:
    before = written_files(directory)
    data_before = before.get(output.name)
    mark = f"damage-{case.seed}-{time.monotonic_ns()}"
    resumed = run([*words_of(output), "--resume"], directory, mark=mark)
    check_talk(resumed)
    check_nobody_is_left(mark)
    if resumed.code in (0, 1):
        check_everything(output, ITEMS, OWN)
        _check_again(directory, output)
        return "held" if output.read_bytes() == data_before else "mended"
    if resumed.code != 3:
        raise Violation(f"exit code {resumed.code}: {resumed.errors}")
    _check_line(case, resumed, damaged)
    _check_untouched(case, before, written_files(directory))
    return _follow(resumed, directory, output)


def _check_again(directory: Path, output: Path) -> None:
    """See that a further resume changes nothing."""
    before = output.read_bytes()
    again = run([*words_of(output), "--resume"], directory)
    check_talk(again)
    if again.code not in (0, 1):
        raise Violation(f"a further resume: exit code {again.code}: {again.errors}")
    if output.read_bytes() != before:
        raise Violation("a further resume changed the output")


def _check_line(case: Case, resumed: Ended, damaged: Path) -> None:
    lines = resumed.error_lines()
    if len(lines) != 1:
        raise Violation(f"{len(lines)} lines on stderr: {resumed.errors}")
    [line] = lines
    if "see that there is room" in line:
        raise Violation(f"advises what cannot help: {line}")
    named = {"output": f"out.{case.output_format}", "journal": "journal"}.get(
        case.target, damaged.name
    )
    blames_input = "in.txt" in line or "input" in line
    blames_journal = "journal" in line and "has no journal" not in line
    if (
        named not in line
        or (case.target == "journal" and blames_input)
        or (case.target != "journal" and (blames_journal or blames_input))
    ):
        raise Violation(f"the {case.target} is damaged, and the line says: {line}")


def _check_untouched(case: Case, before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Compare all files; a journal that is whole may take in what is beside it."""
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    is_apart = any(name.endswith("-wal") and data for name, data in before.items())
    if is_apart or case.target != "journal":
        changed = [name for name in changed if ".journal" not in name]
    if changed:
        raise Violation(f"refused, but it changed {changed}")


def _follow(refused: Ended, directory: Path, output: Path) -> str:
    """Do what the line advises, which must help; return what that was."""
    if cut := re.search(r"truncate -s (\d+)", refused.errors):
        with output.open("r+b") as file:
            file.truncate(int(cut[1]))
        ended = run([*words_of(output), "--resume"], directory)
        advice = "refused, cut by hand"
    elif "--overwrite" in refused.errors:
        ended = run([*words_of(output), "--overwrite"], directory)
        advice = "refused, begun anew"
    else:
        return "refused"
    check_talk(ended)
    if ended.code not in (0, 1):
        raise Violation(f"{refused.errors.strip()} -- then: {ended.code}: {ended.errors}")
    try:
        check_everything(output, ITEMS, OWN)
    except Violation as violation:
        raise Violation(f"{refused.errors.strip()} -- that done: {violation}") from violation
    return advice


def _cases(number: int, seed: int) -> list[Case]:
    cases = []
    targets = ("output", "journal", "output", "journal", "part")
    for index in range(number):
        draw = random.Random(seed * 1_000_003 + index)
        target = targets[index % len(targets)]
        damage = draw.choice([name for name in DAMAGES if target == "output" or name != PARTS])
        is_parquet = target == "part" or damage == PARTS
        states = {"part": STATES[1:], "output": FINISHED if damage == PARTS else STATES}
        cases.append(
            Case(
                state=draw.choice(states.get(target, STATES)),
                output_format="parquet" if is_parquet else draw.choice(FORMATS),
                target=target,
                damage=damage,
                seed=draw.randrange(2**31),
            )
        )
    return cases


def main() -> int:
    """Run the campaign; 1 when something was violated."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int, help="the case of this number alone")
    parser.add_argument("--quick", action="store_true", help="24 cases")
    options = parser.parse_args()
    cases = list(enumerate(_cases(24 if options.quick else options.cases, options.seed)))
    if options.only is not None:
        cases = cases[options.only : options.only + 1]
    outcomes: Counter[tuple[str, str]] = Counter()
    violations = 0
    with tempfile.TemporaryDirectory() as aside:
        kinds = [(state, output_format) for state in STATES for output_format in FORMATS]
        with ThreadPoolExecutor(len(kinds)) as pool:
            directories = pool.map(lambda kind: _prepared(Path(aside), *kind), kinds)
            prepared = dict(zip(kinds, directories, strict=True))

        def one(numbered: tuple[int, Case]) -> tuple[int, Case, str, str]:
            number, case = numbered
            with tempfile.TemporaryDirectory() as directory:
                try:
                    source = prepared[case.state, case.output_format]
                    return number, case, attempt(case, source, Path(directory)), ""
                except (Violation, OSError, ValueError) as error:
                    return number, case, "VIOLATED", f"{type(error).__name__}: {error}"

        with ThreadPoolExecutor(options.jobs) as pool:
            for number, case, outcome, why in pool.map(one, cases):
                outcomes[case.target, outcome] += 1
                if why:
                    violations += 1
                    print(f"{number} {case}: {why}", flush=True)
    for target in TARGETS:
        found = {
            outcome: n for (one_target, outcome), n in outcomes.items() if one_target == target
        }
        print(
            f"{target:8} " + ", ".join(f"{found[outcome]} {outcome}" for outcome in sorted(found))
        )
    print(f"{len(cases) - violations} of {len(cases)}")
    return 1 if violations else 0


def _prepared(aside: Path, state: str, output_format: str) -> Path:
    directory = aside / f"{state}-{output_format}"
    directory.mkdir()
    (directory / "task.py").write_text(TASK)
    (directory / "in.txt").write_text(input_text(ITEMS))
    prepare(state, directory, directory / f"out.{output_format}")
    return directory


if __name__ == "__main__":
    sys.exit(main())
