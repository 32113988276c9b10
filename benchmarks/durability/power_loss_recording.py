"""Records what the commands of a scenario do to their directory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.durability.crash_states import Disk, Tree, tree_of
from benchmarks.durability.power_loss_checks import TASK, Violation, check_everything, input_lines
from benchmarks.durability.strace_calls import TRACED, Call, calls_of

__all__ = ["IGNORED", "ITEMS", "Recording", "Scenario", "record", "run_command", "scenarios"]

ROOT = Path(__file__).parents[2]
FORMATS = ("jsonl", "csv", "parquet")
MODES = {
    "fresh": "",
    "resume": "",
    "overwrite": "",
    "cut": "",
    "shorter": "",
    "killed at sync 8": "fsync,fdatasync:8",
    "killed at sync 9": "fsync,fdatasync:9",
    "killed at sync 10": "fsync,fdatasync:10",
    "killed at begin": "fdatasync:3",
    "killed at merge": "rmdir:1",
}
"""How a run goes; before which call of a thread the first recorded command is killed, if at all."""
SPLIT_MODES = ("fresh", "resume", "overwrite", "cut", "shorter")
"""Those that part files are recorded in."""
ITEMS, FIRST_ITEMS, OLD_ITEMS = 26, 14, 20
PAUSE_S = 0.21
"""Of every third item: more than what makes the command commit at once."""
DELAY_US = 2_000_000
HELD_TIMES = 6
"""A thread that strace holds each time that one looks has come to the call that is delayed."""
IGNORED = ("task.py", "input.txt", "__pycache__")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A format, and a way in which a run goes."""

    output_format: str
    mode: str
    is_split: bool = False
    """Whether the output is a directory of part files."""

    def __str__(self) -> str:
        return f"{self.output_format} {self.mode}{' split' if self.is_split else ''}"

    @property
    def replaces(self) -> bool:
        """Tell whether an older run is overwritten."""
        return self.mode in ("overwrite", "killed at begin")

    def command(self, *more: str) -> list[str]:
        """Return the command line."""
        words = [sys.executable, str(ROOT / "main.py"), "run", "task.py:work", "input.txt"]
        words += ["-o", f"out.{self.output_format}", "--backend", "sequential", "--batch-size", "1"]
        words += ["--split-size", "8K"] if self.is_split else []
        return [*words, "-k", "--no-progress", "--quiet", *more]

    def stages(self) -> list[tuple[str, list[str]]]:
        """Return what is recorded: before which call it is killed, and options."""
        first = ["--overwrite"] if self.replaces else []
        if kill := MODES[self.mode]:
            return [(kill, first), ("", ["--resume"])]
        return [("", ["--resume"] if self.mode in ("resume", "cut", "shorter") else first)]


@dataclass(frozen=True, slots=True)
class Recording:
    """What a scenario's commands did to their directory."""

    scenario: Scenario
    directory: Path
    before: Tree
    calls: tuple[Call, ...]
    acts: tuple[int, ...]
    """The calls that changed or synced something."""
    begun: int
    """After so many calls, an older run must be gone."""


def scenarios() -> list[Scenario]:
    """Return all that are of use."""
    every = [Scenario(output_format, mode) for mode in MODES for output_format in FORMATS]
    split = [Scenario(name, mode, is_split=True) for mode in SPLIT_MODES for name in FORMATS]
    return split + [
        one
        for one in every
        if one.output_format == "parquet" or one.mode not in ("killed at merge", "killed at sync 8")
    ]


def run_command(command: Sequence[str], directory: Path, *, pause_s: float = 0) -> tuple[int, str]:
    """Return the exit code, and what went to stderr."""
    ended = subprocess.run(
        command,
        cwd=directory,
        env=_environment(pause_s),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return ended.returncode, ended.stderr


def _environment(pause_s: float) -> dict[str, str]:
    return {**os.environ, "POWER_LOSS_PAUSE_S": str(pause_s), "PYTHONDONTWRITEBYTECODE": "1"}


def _prepare(scenario: Scenario, directory: Path) -> None:
    """Make what is durably there before the recording."""
    (directory / "task.py").write_text(TASK)
    source, output = directory / "input.txt", directory / f"out.{scenario.output_format}"
    if scenario.replaces:
        source.write_text(input_lines(OLD_ITEMS, "old"))
        _expect(run_command(scenario.command(), directory))
    elif scenario.mode in ("cut", "shorter") and scenario.output_format == "parquet":
        source.write_text(input_lines(ITEMS, "new"))
        _record_stage("fsync,fdatasync:14", scenario.command(), directory)
        *_, last = sorted((parts := Path(f"{output}.parts")).glob("part-*"))
        if scenario.mode == "cut":
            shutil.copy(last, parts / f"part-{len(list(parts.iterdir())) + 1:06}.parquet")
            (parts / ".draft-part-000009.parquet").write_bytes(b"PAR1" + bytes(50))
        else:
            last.unlink()
            (parts / "part-000001.parquet").rename(last)
            shutil.copy(last, parts / "part-000001.parquet")
            last.unlink()
    elif scenario.mode in ("resume", "cut", "shorter"):
        source.write_text(input_lines(FIRST_ITEMS, "new"))
        _expect(run_command(scenario.command(), directory))
        output = max(output.iterdir()) if scenario.is_split else output
        content = output.read_bytes()
        if scenario.mode == "cut":
            output.write_bytes(content + content[-900:-30])
        elif scenario.mode == "shorter":
            output.write_bytes(content[: len(content) * 6 // 10])
    source.write_text(input_lines(ITEMS, "new"))


def _expect(ended: tuple[int, str]) -> None:
    if ended[0] != 1:
        raise Violation(f"exit code {ended[0]} of a run that nothing disturbed: {ended[1]}")


def _record_stage(kill: str, command: Sequence[str], directory: Path) -> list[Call]:
    """Run a command under strace, killed at a call; return its calls."""
    with tempfile.TemporaryDirectory() as aside:
        recording = Path(aside) / "recording"
        strace = ["strace", "-f", "-y", "-xx", "--seccomp-bpf", "-s", "2000000", "-e"]
        strace += [f"trace={TRACED}", "-o", str(recording)]
        if not kill:
            _expect(run_command([*strace, *command], directory, pause_s=PAUSE_S))
        else:
            names, when = kill.split(":")
            strace += ["-e", f"inject={names}:delay_enter={DELAY_US}:when={when}"]
            _run_and_kill([*strace, *command], directory, recording)
            if not any(f" {name}" in _last(recording) for name in names.split(",")):
                raise Violation(f"killed at another call than {kill}: {_last(recording)}")
        with recording.open(encoding="ascii") as lines:
            return list(calls_of(lines, directory))


def _run_and_kill(command: Sequence[str], directory: Path, recording: Path) -> None:
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=_environment(PAUSE_S),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    held = 0
    threads: list[int] = []
    while held < HELD_TIMES and process.poll() is None:
        time.sleep(0.05)
        if recording.exists():
            threads = _threads(recording)
        held = held + 1 if any(_is_held(thread) for thread in threads) else 0
    for thread in threads:  # the first of them supervises the others
        with suppress(ProcessLookupError):
            os.kill(thread, signal.SIGKILL)
    process.wait(timeout=60)


def _threads(recording: Path) -> list[int]:
    """Return the threads in the order of their first calls."""
    found: dict[int, None] = {}
    for line in recording.read_text(encoding="ascii").split("\n")[:-1]:  # the last has no end yet
        found.setdefault(int(line.split(" ", 1)[0]))
    return list(found)


def _is_held(thread: int) -> bool:
    """Tell whether strace holds a thread."""
    with suppress(OSError):
        stat = Path(f"/proc/{thread}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[0] == "t"
    return False


def _last(recording: Path) -> str:
    lines = recording.read_text(encoding="ascii").splitlines()
    return next((line for line in reversed(lines) if "unfinished" in line or "= ?" in line), "")


def _of_output(tree: Tree, output: str) -> Tree:
    """Return the output, or the part files of it that a run would drop."""
    return {path: content for path, content in tree.items() if f"{path}/".startswith(f"{output}/")}


def record(scenario: Scenario, directory: Path) -> Recording:
    """Run a scenario in a new directory, and check that its calls explain what it left."""
    directory.mkdir()
    _prepare(scenario, directory)
    before = tree_of(directory, IGNORED)
    disk = Disk(directory, before, IGNORED)
    output = f"out.{scenario.output_format}"
    old, begun = _of_output(before, output), 0
    calls: list[Call] = []
    acts: list[int] = []
    for kill, options in scenario.stages():
        for call in _record_stage(kill, scenario.command(*options), directory):
            if disk.act(call):
                acts.append(len(calls))
            calls.append(call)
            if not begun and scenario.replaces and _of_output(disk.now(), output) != old:
                begun = len(calls)
        if (found := tree_of(directory, IGNORED)) != (now := disk.now()):
            names = {name for name in {*found, *now} if found.get(name) != now.get(name)}
            raise Violation(f"{scenario}: the recording does not explain {names}")
    check_everything(directory, scenario.output_format, ITEMS, "new")
    if scenario.mode == "killed at begin":  # what came of it was synced by the resume alone
        begun = next(
            number + 1
            for number in acts
            if number >= begun
            and calls[number].name == "fdatasync"
            and calls[number].path(0).endswith("-wal")
        )
    return Recording(scenario, directory, before, tuple(calls), tuple(acts), begun)
