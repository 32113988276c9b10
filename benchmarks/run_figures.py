"""What `run` costs as a command: start, journal, memory, and files hashed by it and by others.

    python -m benchmarks.run_figures [--quick]

Whole commands are timed in turn; printed are medians of five rounds with their spread, ratios
taken within each round. Tools that are not installed are left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.figures import show

ROOT = Path(__file__).parent.parent
MAIN = [sys.executable, str(ROOT / "main.py"), "run"]
FILES = 1000
FILE_BYTES = 100_000

TASK = """
import hashlib
import json

def same(line):
    return line

def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
"""

HASH_IN_PYTHON = (
    "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())"
)

HASH_LINES = """
import hashlib, sys
with open(sys.argv[1], "rb") as lines:
    for line in lines:
        hashlib.blake2b(line.rstrip(), digest_size=16).digest()
"""


def seconds(words: Sequence[str], directory: Path, *, stdout: str = os.devnull) -> float:
    """Return how long a command takes; raises when it fails."""
    with (directory / stdout).open("wb") as file:
        start_s = time.perf_counter()
        subprocess.run(words, cwd=directory, stdout=file, stderr=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start_s


def peak_bytes_and_seconds(words: Sequence[str], directory: Path) -> tuple[int, float]:
    """Return the peak memory of a command, and how long it takes."""
    start_s = time.perf_counter()
    child = subprocess.Popen(
        words, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, list(words))
    return usage.ru_maxrss * 1024, time.perf_counter() - start_s


def write_numbers(path: Path, number: int) -> None:
    """Write so many lines."""
    with path.open("w") as file:
        for start in range(0, number, 100_000):
            file.write("".join(f"{n}\n" for n in range(start, min(number, start + 100_000))))


def time_starts(directory: Path, rounds: int) -> None:
    """Show how soon `run` ends that has next to nothing to do."""
    write_numbers(directory / "ten.txt", 10)
    words = [*MAIN, "task.py:same", "ten.txt", "-o", "ten.jsonl", "--overwrite"]
    show("run of ten trivial items", [seconds(words, directory) for _ in range(rounds)], "s")


def time_first_result(directory: Path, rounds: int) -> None:
    """Show when the first result of a million lines is there."""
    write_numbers(directory / "million.txt", 1_000_000)
    words = [*MAIN, "task.py:same", "million.txt", "-o", "-", "--no-progress"]
    waits = []
    for _ in range(rounds):
        start_s = time.perf_counter()
        child = subprocess.Popen(
            words, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert child.stdout is not None
        child.stdout.readline()
        waits.append(time.perf_counter() - start_s)
        child.stdout.close()
        child.wait()
    show("first result of 1,000,000 lines", waits, "s")


def time_journal(directory: Path, rounds: int, number: int) -> None:
    """Show what the journal costs: to a file, which has one, against stdout, which has none."""
    write_numbers(directory / "lines.txt", number)
    words = [*MAIN, "task.py:same", "lines.txt", "--no-progress", "-o"]
    ratios = []
    for _ in range(rounds):
        without_s = seconds([*words, "-"], directory, stdout="plain.jsonl")
        with_s = seconds([*words, "kept.jsonl", "--overwrite"], directory)
        ratios.append(with_s / without_s)
    show(f"with a journal over without, {number:,} lines", ratios)


def time_sync(directory: Path, rounds: int, number: int) -> None:
    """Show what a sync without a change costs, over reading and hashing the lines."""
    write_numbers(directory / "lines.txt", number)
    run = [*MAIN, "task.py:same", "lines.txt", "-o", "kept.jsonl"]
    seconds([*run, "--overwrite"], directory)
    ratios = []
    for _ in range(rounds):
        reading_s = seconds([sys.executable, "-c", HASH_LINES, "lines.txt"], directory)
        ratios.append(seconds([*run, "--sync"], directory) / reading_s)
    show(f"sync of {number:,} lines, nothing to do, over reading and hashing", ratios)


def time_sizes(directory: Path, small: int, large: int) -> None:
    """Show how memory and throughput of a large input compare with those of a small one."""
    peaks, rates = [], []
    for number in (small, large):
        write_numbers(directory / "lines.txt", number)
        words = [*MAIN, "task.py:same", "lines.txt", "-o", "kept.jsonl", "--overwrite"]
        peak_bytes, taken_s = peak_bytes_and_seconds(words, directory)
        peaks.append(peak_bytes)
        rates.append(number / taken_s)
    show(f"memory at {large:,} lines over {small:,}", [(peaks[1] - peaks[0]) / 1e6], "MB")
    show(f"throughput at {large:,} lines over {small:,}", [rates[1] / rates[0]])


def time_files(directory: Path, rounds: int, number: int) -> None:
    """Show how long it takes to hash files, and how much longer with other tools."""
    files = directory / "files"
    files.mkdir()
    for place in range(number):
        (files / f"{place:04}.bin").write_bytes(os.urandom(FILE_BYTES))
    cores = str(os.cpu_count())
    python = [sys.executable, "-c", HASH_IN_PYTHON]
    shells: dict[str, list[str]] = {
        "xargs -P, python -c": ["xargs", "-P", cores, "-n", "1", *python],
        "xargs -P, sha256sum": ["xargs", "-P", cores, "-n", "1", "sha256sum"],
        "parallel, python -c": [
            "parallel", "-j", cores, sys.executable, "-c", f'"{HASH_IN_PYTHON}"',
        ],
        "parallel, sha256sum": ["parallel", "-j", cores, "sha256sum"],
    }  # fmt: skip
    names = b"".join(f"{path}\n".encode() for path in sorted(files.iterdir()))
    ours = [*MAIN, "task.py:sha256", "files/*", "-o", "hashes.jsonl", "--overwrite"]

    def shell(words: Sequence[str]) -> float:
        start_s = time.perf_counter()
        subprocess.run(words, input=names, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start_s

    contestants: dict[str, Callable[[], float]] = {"run": lambda: seconds(ours, directory)}
    for name, words in shells.items():
        if shutil.which(words[0]):
            contestants[name] = lambda words=words: shell(words)  # type: ignore[misc]
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contest in contestants.items():
            times[name].append(contest())
    show(f"{number:,} files of 100 kB hashed by run", times["run"], "s")
    for name in list(times)[1:]:
        ratios = [theirs / own for theirs, own in zip(times[name], times["run"], strict=True)]
        show(f"  {name} over run", ratios)


def check_hashes(directory: Path) -> None:
    """See that what was timed is right."""
    for line in (directory / "hashes.jsonl").read_text().splitlines():
        record = json.loads(line)
        data = (directory / record["item"]).read_bytes()
        assert record["result"] == hashlib.sha256(data).hexdigest()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of the items")
    options = parser.parse_args()
    rounds, share = (1, 0.1) if options.quick else (5, 1.0)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "task.py").write_text(TASK)
        time_starts(directory, rounds)
        time_first_result(directory, rounds)
        time_files(directory, rounds, round(FILES * share))
        check_hashes(directory)
        time_journal(directory, rounds, round(1_000_000 * share))
        time_sync(directory, rounds, round(1_000_000 * share))
        time_sizes(directory, round(100_000 * share), round(10_000_000 * share))


if __name__ == "__main__":
    main()
