"""Checks of what `run` leaves on disk, for the campaigns that disturb it.

The task fails one item in seventeen. A check raises `Violation` where something is not right.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "ENVIRONMENT_MARK",
    "FORMATS",
    "ROOT",
    "TASK",
    "Ended",
    "Violation",
    "check_everything",
    "check_nobody_is_left",
    "check_talk",
    "input_text",
    "run",
    "started",
    "text_of",
    "written_files",
]

ROOT = Path(__file__).parents[2]
FORMATS = ("jsonl", "csv", "parquet")
ENVIRONMENT_MARK = "BATCHMAP_CAMPAIGN"
TIMEOUT_S = 60.0
GONE_WITHIN_S = 5.0
FILLER = "." * 200

TASK = f"""
import time

def work(line):
    number = int(line)
    time.sleep(0.002)
    if number % 17 == 3:
        raise ValueError(f"no {{number}}")
    return {{"number": number, "text": f"line\\n{{number}}, 'ü'" + "{FILLER}"}}
"""


class Violation(Exception):
    """Something that must never be."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    errors: str

    def error_lines(self) -> list[str]:
        """Return the lines of stderr that are not empty."""
        return [line for line in self.errors.splitlines() if line.strip()]


def input_text(items: int) -> str:
    """Return an input of that many items."""
    return "".join(f"{number}\n" for number in range(items))


def run(
    words: Sequence[str],
    directory: Path,
    *,
    before: Sequence[str] = (),
    mark: str = "",
    timeout_s: float = TIMEOUT_S,
) -> Ended:
    """Run the command, behind the words `before`, and return how it ended.

    Raises `Violation` when it does not end in time.
    """
    # A pipe would be held open by processes that outlive the command.
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [*before, sys.executable, str(ROOT / "main.py"), "run", *words],
            cwd=directory,
            env={**os.environ, ENVIRONMENT_MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            states = _states(mark)
            _kill([process.pid, *_marked(mark)])
            process.wait()
            raise Violation(f"hangs: {states}") from None
        errors.seek(0)
        return Ended(process.returncode, errors.read().decode("utf-8", "replace"))


def started(words: Sequence[str], directory: Path) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own, and return it while it runs."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "run", *words],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def check_talk(ended: Ended) -> None:
    """Raise `Violation` for what a command never says and never exits with."""
    is_traceback = any(line.startswith("Traceback (") for line in ended.error_lines())
    if is_traceback or ended.code == 70:
        raise Violation(f"exit code {ended.code}, on stderr: {ended.errors}")


def _marked(mark: str) -> list[int]:
    """Return the living processes that carry the mark in their environment."""
    found = []
    wanted = f"{ENVIRONMENT_MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and mark:
            with contextlib.suppress(OSError):
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _states(mark: str) -> str:
    """Describe the processes that carry the mark: what they are and where they wait."""
    found = []
    for pid in _marked(mark):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:2]
            parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
            waits = Path(f"/proc/{pid}/wchan").read_text()
            found.append(f"{pid} of {parent} {b' '.join(words).decode()} in {waits}")
    return "; ".join(found)


def check_nobody_is_left(mark: str) -> None:
    """Wait for a moment until no process carries the mark."""
    deadline_s = time.monotonic() + GONE_WITHIN_S
    while left := _marked(mark):
        if time.monotonic() > deadline_s:
            states = _states(mark)
            _kill(left)
            raise Violation(f"processes are left: {states}")
        time.sleep(0.02)


def written_files(directory: Path) -> dict[str, bytes]:
    """Return what all files beside the task hold, by name."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def text_of(output: Path) -> bytes:
    """Return what an output of text holds, that of part files as if it were one file."""
    if not output.is_dir():
        return output.read_bytes()
    text = header = b""
    paths = sorted(output.iterdir())
    for number, path in enumerate(paths, 1):
        if path.name != f"part-{number:06}{output.suffix}":
            raise Violation(f"a stray file {path.name}, or one missing before it")
        part = path.read_bytes()
        if output.suffix == ".csv" and number == 1:
            header = part.partition(b"\n")[0] + b"\n"
        elif number == len(paths) and header.startswith(part):
            part = b""  # a run that was killed had just begun it
        elif not part.startswith(header):
            raise Violation(f"{path.name} has another header")
        else:
            part = part[len(header) :]
        text += part
    return text


def check_everything(
    output: Path, items: int, own: Sequence[str], *, may_lose_workers: bool = False
) -> int:
    """Check a finished run: each item once, with the right value, and no file too many.

    `own` names the files of the directory that are no output. With `may_lose_workers`, items may
    have failed because their workers were killed. Returns how many have.
    """
    output_format = output.suffix.removeprefix(".")
    try:
        results = _results(output_format, output)
    except Exception as error:  # whatever a reader raises for a file that is not well-formed
        raise Violation(f"the output does not parse: {type(error).__name__}: {error}") from error
    for result in results:
        if result != {
            "number": result.get("number"),
            "text": f"line\n{result.get('number')}, 'ü'{FILLER}",
        }:
            raise Violation(f"not what the function returned: {result!s:.100}")
    failed_path = output.with_name(f"{output.name}.errors.jsonl")
    failures = [json.loads(line) for line in failed_path.read_text().splitlines()]
    died = set()
    for failure in failures:
        number = failure["index"]
        if may_lose_workers and failure["error_type"] == "WorkerDied":
            died.add(number)
        elif failure["error"] != f"no {number}" or failure["error_type"] != "ValueError":
            raise Violation(f"not how the item failed: {failure!s:.300}")
        if failure["item"] != str(number):
            raise Violation(f"not the item: {failure!s:.200}")
    wrong = {number for number in range(items) if number % 17 == 3} | died
    _check_numbers([failure["index"] for failure in failures], wrong, "failures")
    _check_numbers([result["number"] for result in results], set(range(items)) - wrong, "results")
    names = {*own, output.name, failed_path.name, f"{output.name}.journal", "__pycache__"}
    if stray := {path.name for path in output.parent.iterdir()} - names:
        raise Violation(f"stray files: {sorted(stray)}")
    return len(died)


def _check_numbers(found: list[int], right: set[int], what: str) -> None:
    twice = [number for number, times in Counter(found).items() if times > 1]
    missing, strange = right - set(found), set(found) - right
    if twice or missing or strange:
        raise Violation(
            f"{len(found)} {what} instead of {len(right)}: {len(twice)} more than once "
            f"({sorted(twice)[:5]}), {len(missing)} missing ({sorted(missing)[:5]}), "
            f"{len(strange)} that should not be"
        )


def _results(output_format: str, output: Path) -> list[dict[str, Any]]:
    """Return the results in an output; raises when it is not well-formed."""
    if output_format == "parquet":
        from pyarrow import parquet

        rows: list[dict[str, Any]] = parquet.read_table(output).to_pylist()
        return rows
    text = output.read_bytes().decode("utf-8")
    if not text.endswith("\n"):
        raise ValueError("the last line has no end")
    if output_format == "csv":
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        return [{**row, "number": int(row["number"])} for row in reader]
    records = [json.loads(line) for line in text.removesuffix("\n").split("\n")]
    for record in records:
        number = record["index"]
        if set(record) != {"index", "item", "result"} or record["item"] != str(number):
            raise ValueError(f"not a record: {record!s:.100}")
        if record["result"]["number"] != number:
            raise ValueError(f"the result of another item: {record!s:.100}")
    return [record["result"] for record in records]
