"""Edit an input at random, sync its output, and see that it is what a new run would write.

    python -m benchmarks.edit_scripts --scripts 10000
    python -m benchmarks.edit_scripts --kills 500

Each script makes an input (text, JSON Lines, CSV, Parquet, a folder of files, items of Python; with
and without a key), runs a function over it, and then several times edits the input and syncs. Each
time the output is that of a new run, byte for byte (for Parquet: the same table), and the function
was called for the new and changed items, each once, and for no other. With `--kills`, each sync
runs in a process that is killed at a random call that writes, and is then done again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from batchmap import RunOutcome, run

from benchmarks.durability.run_checks import Violation
from benchmarks.durability.written_inputs import INPUTS, Rows, as_files, draw_row, edit

__all__ = ["check_kill", "check_script", "main", "run_in_directory"]

OUTPUTS = ("jsonl", "jsonl result", "csv", "parquet")
WRITING = ("write", "fsync", "fdatasync", "replace", "unlink", "ftruncate", "open")
"""The functions of `os` one of whose calls a process is killed at."""

MAX_ROWS = 30
MAX_ROUNDS = 3


class Script:
    """An input that is edited, and the output that follows it, in a directory of its own."""

    def __init__(self, seed: str, directory: Path) -> None:
        self.draw = random.Random(seed)
        self.directory = directory
        self.kind = self.draw.choice(sorted(INPUTS))
        self.input = INPUTS[self.kind]
        self.output_kind = self.draw.choice(OUTPUTS)
        self.key = self.draw.choice([None, "id"]) if self.input.has_fields else None
        self.calls: list[Any] = []
        self.rows: Rows = [
            draw_row(self.draw) for _ in range(self.draw.choice([0, 1, 5, MAX_ROWS]))
        ]
        if self.input.has_unique_names:
            self.rows = as_files(self.rows)
        self.write()

    def write(self) -> None:
        self.input.write(self.rows, self.directory)

    def run(self, output: str, mode: str, calls: list[Any]) -> RunOutcome:
        """Run the function over the input as it is now."""
        known, _, record = self.output_kind.partition(" ")
        options: dict[str, Any] = {"record": record} if record else {}

        def work(item: Any) -> Any:
            row = self.input.row_of(item, self.directory)
            calls.append(row)
            return result_of(row)

        return run(
            work,
            self.input.source(self.rows, self.directory),
            self.directory / f"{output}.{known}",
            mode=mode,  # type: ignore[arg-type]
            key=self.key,
            backend="sequential",
            keep_order=True,
            input_format=self.input.format,
            batch_size=self.draw.choice([1, 3, 100]),
            **options,
        )

    def output(self, name: str) -> tuple[Any, list[Any]]:
        """Return what an output holds, and which items failed, in order."""
        path = self.directory / f"{name}.{self.output_kind.partition(' ')[0]}"
        content: Any = path.read_bytes() if path.exists() else b""
        if path.suffix == ".parquet" and content:
            import pyarrow.parquet

            content = pyarrow.parquet.read_table(path).to_pylist()
        errors = path.with_name(f"{path.name}.errors.jsonl")
        lines = errors.read_text().splitlines() if errors.exists() else []
        kept = ("index", "item", "error_type", "error", "place")
        return content, [{name: json.loads(line)[name] for name in kept} for line in lines]

    def check_output(self) -> None:
        """Compare the output with that of a new run."""
        self.run("fresh", "overwrite", [])
        if self.output("out") != self.output("fresh"):
            raise Violation(
                f"{self.output('out')!r:.2000}\nand not\n{self.output('fresh')!r:.2000}"
            )
        left = {path.name for path in self.directory.iterdir()}
        if stray := {name for name in left if name.endswith(".sync") or ".draft" in name}:
            raise Violation(f"left behind: {stray}")


def result_of(row: Any) -> Any:
    """Return what the function makes of a row; some fail."""
    if row[1] % 7 == 3:
        raise ValueError(f"no result of {row[1]}")
    return {"id": row[0], "double": 2 * row[1], "text": f'{row[0]}, "{row[1]}"\n'}


def check_script(seed: str, directory: Path) -> str:
    """Run a script; return its kind. Raises `Violation` where something is not as it should be."""
    script = Script(seed, directory)
    script.run("out", script.draw.choice(["new", "sync"]), [])
    for _ in range(script.draw.randint(1, MAX_ROUNDS)):
        before = Counter(script.rows)
        script.rows = edit(script.rows, script.draw, unique=script.input.has_unique_names)
        script.write()
        calls: list[Any] = []
        outcome = script.run("out", "sync", calls)
        expected = Counter(script.rows) - before
        if Counter(calls) != expected:
            raise Violation(f"called for {Counter(calls)} and not for {expected}")
        script.check_output()
        _check_counts(outcome, before, Counter(script.rows))
    return f"{script.kind}{' with a key' if script.key else ''}, {script.output_kind}"


def _check_counts(outcome: RunOutcome, before: Counter[Any], now: Counter[Any]) -> None:
    counts = outcome.sync
    assert counts is not None
    kept, done = (before & now).total(), (now - before).total()
    found = counts.kept, counts.new + counts.changed, counts.gone + counts.changed
    if found != (kept, done, (before - now).total()):
        raise Violation(f"{counts} of {kept} kept, {done} done")
    if not 0 <= counts.moved <= kept:
        raise Violation(f"{counts.moved} moved of {kept}")


def check_kill(seed: str, directory: Path) -> str:
    """Run a script whose syncs are killed and done again."""
    script = Script(seed, directory)
    script.run("out", "sync", [])
    for _ in range(script.draw.randint(1, MAX_ROUNDS)):
        before = Counter(script.rows)
        old = script.output("out")
        script.rows = edit(script.rows, script.draw, unique=script.input.has_unique_names)
        script.write()
        expected = Counter(script.rows) - before
        script.run("fresh", "overwrite", [])
        number = script.draw.randint(1, script.draw.choice([8, 30, 100]))
        called = Counter(_killed(script, number))
        if extra := called - expected:
            raise Violation(f"the killed one was called for {extra}")
        fresh = script.output("fresh")
        if script.output("out")[0] not in (old[0], fresh[0]):
            raise Violation(f"neither the old output nor the new: {script.output('out')!r:.2000}")
        # It may have come to its end, or near it.
        starts = [before, *([Counter(script.rows)] if script.output("out")[0] == fresh[0] else [])]
        if script.draw.random() < 0.3:  # the input changes again before it is taken up
            script.rows = edit(script.rows, script.draw, unique=script.input.has_unique_names)
            script.write()
        calls: list[Any] = []
        script.run("out", "sync", calls)
        found = Counter(calls)
        needed = [Counter(script.rows) - start for start in starts]
        if all(found - one or one - found - called for one in needed):
            raise Violation(f"called for {found} after {called}, and not for {needed}")
        script.check_output()
    return f"{script.kind}{' with a key' if script.key else ''}, {script.output_kind}"


def _killed(script: Script, number: int) -> list[Any]:
    """Sync in a process that is killed at its so manieth call that writes; return its calls."""
    log = script.directory.parent / f"{script.directory.name}.calls"
    log.write_text("")
    if (child := os.fork()) == 0:
        try:
            _kill_at(number)
            with log.open("a") as file:

                class Calls(list[Any]):
                    def append(self, row: Any) -> None:
                        file.write(f"{json.dumps(row)}\n")
                        file.flush()

                script.run("out", "sync", Calls())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if status not in (0, 9):
        raise Violation(f"a sync ended with {status}")
    calls = [tuple(json.loads(line)) for line in log.read_text().splitlines()]
    log.unlink()
    return calls


def _kill_at(number: int) -> None:
    """Have this process killed at the so manieth call of a function that writes."""
    left = number

    def counted(function: Callable[..., Any], named: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal left
            if named != "open" or (len(args) > 1 and args[1] & os.O_CREAT):
                left -= 1
                if left <= 0:
                    os.kill(os.getpid(), 9)
            return function(*args, **options)

        return call

    for name in WRITING:
        setattr(os, name, counted(getattr(os, name), name))


def run_in_directory(check: Callable[[str, Path], str], seed: str) -> str:
    """Run a check in a directory of its own, which is removed; return what it returns."""
    before = Path.cwd()
    directory = Path(tempfile.mkdtemp(prefix="edits-"))
    try:
        os.chdir(directory)
        return check(seed, directory)
    finally:
        os.chdir(before)
        shutil.rmtree(directory)


def _one(check: Callable[[str, Path], str], seed: str) -> tuple[str, str]:
    try:
        return run_in_directory(check, seed), ""
    except Exception:
        return seed, traceback.format_exc()


def main(words: list[str] | None = None) -> int:
    """Run the scripts and print how many of each kind were exact; 1 when one was not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--scripts", type=int, default=0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", help="the script of this seed alone")
    options = parser.parse_args(words)
    if options.only is not None:
        check = check_kill if options.kills else check_script
        kind, why = _one(check, options.only)
        print(why or f"{kind}: exact")
        return 1 if why else 0
    chosen = [(check_script, f"{options.seed}-{number}") for number in range(options.scripts)]
    chosen += [(check_kill, f"{options.seed}-kill-{number}") for number in range(options.kills)]
    exact: Counter[str] = Counter()
    failed: list[tuple[str, str]] = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for done in as_completed([pool.submit(_one, *one) for one in chosen]):
            kind, why = done.result()
            if why:
                failed.append((kind, why))
                print(f"seed {kind}: {why}", file=sys.stderr, flush=True)
            else:
                exact[kind] += 1
    for kind, number in sorted(exact.items()):
        print(f"{kind:45}{number:6} exact")
    print(f"{exact.total()} of {len(chosen)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
