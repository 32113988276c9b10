"""Copy the disk of a run while it runs, as if power failed then, resume it there, and check.

`python -m benchmarks.image_copies --copies 60`, as root, takes some minutes. The disk is an ext4
file system in an image that is mounted by a loop device. For the moment of a copy the run is
suspended; the copy holds what the file system had written by then, and its own journal is replayed
when it is mounted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.durability.run_checks import (
    FORMATS,
    TASK,
    Violation,
    check_everything,
    check_talk,
    input_text,
    run,
    started,
)

__all__ = ["copies_of_a_run", "go_on_in"]

ITEMS = 1500
COPIES_A_RUN = 6
SIZE_MB = 48
MODES = ("fresh", "--overwrite", "--resume")
BACKENDS = ("thread", "process")
OWN = ("task.py", "in.txt")


@contextlib.contextmanager
def _mounted(image: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["mount", "-o", "loop", image, name], check=True)
        try:
            yield Path(name)
        finally:
            # A process that is ending holds it for a moment.
            while subprocess.run(["umount", name], check=False).returncode:
                time.sleep(0.2)


def _words(output_format: str, backend: str) -> list[str]:
    words = ["task.py:work", "in.txt", "-o", f"out.{output_format}", "--backend", backend]
    return [*words, "-j", "2", "--no-progress", "--quiet"]


def copies_of_a_run(
    image: Path, mode: str, output_format: str, backend: str, draw: random.Random
) -> list[Path]:
    """Make the disk, run on it, and return copies of it from random moments of the run."""
    subprocess.run(["truncate", "-s", f"{SIZE_MB}M", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    copies = []
    with _mounted(image) as disk:
        directory = disk / "run"
        directory.mkdir()
        (directory / "task.py").write_text(TASK)
        (directory / "in.txt").write_text(input_text(ITEMS))
        words = _words(output_format, backend)
        if mode != "fresh":
            limit = ["--limit", str(ITEMS // 3)]
            check_talk(run([*words, *limit], directory))
            words.append(mode)
        subprocess.run(["sync", "-f", disk], check=True)
        process = started(words, directory)
        for number in range(COPIES_A_RUN):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(draw.uniform(0.05, 0.5))
            if process.poll() is not None:
                break
            os.killpg(process.pid, signal.SIGSTOP)
            copies.append(image.with_name(f"copy-{number}"))
            shutil.copyfile(image, copies[-1])
            os.killpg(process.pid, signal.SIGCONT)
        if process.wait(60) not in (0, 1):
            raise Violation(f"exit code {process.returncode} of a run that was only suspended")
    return copies


def go_on_in(copy: Path, mode: str, output_format: str, backend: str) -> str:
    """Go on with the run in a copy of its disk, and return how; raises `Violation`."""
    with _mounted(copy) as disk:
        directory = disk / "run"
        output = directory / f"out.{output_format}"
        journal = output.with_name(f"{output.name}.journal")
        words = _words(output_format, backend)
        how = "begun anew"
        if journal.exists() or output.exists():
            how = "resumed"
            words.append("--resume")
        if mode == "--overwrite" and how == "begun anew":
            raise Violation("the output of before is gone")
        ended = run(words, directory)
        check_talk(ended)
        if ended.code not in (0, 1):
            raise Violation(f"exit code {ended.code}: {ended.errors}")
        check_everything(output, ITEMS, (*OWN, "__pycache__"))
    return how


def main() -> int:
    """Run the campaign; 1 when something was violated."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--copies", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("only root may mount an image, so nothing was tried")
        return 0
    outcomes: Counter[tuple[str, str]] = Counter()
    violations = 0
    for number in range(10 * options.copies):
        if outcomes.total() >= options.copies:
            break
        draw = random.Random(options.seed * 1_000_003 + number)
        mode = MODES[number % 3]
        output_format = FORMATS[number // 3 % 3]
        backend = BACKENDS[number // 9 % 2]
        with tempfile.TemporaryDirectory() as name:
            image = Path(name) / "image"
            for copy in copies_of_a_run(image, mode, output_format, backend, draw):
                try:
                    outcome = go_on_in(copy, mode, output_format, backend)
                except Violation as violation:
                    outcome = "VIOLATED"
                    violations += 1
                    print(f"{number} {mode} {output_format} {backend}: {violation}", flush=True)
                outcomes[f"{mode} {output_format}", outcome] += 1
    for (row, outcome), times in sorted(outcomes.items()):
        print(f"{row:22} {times} {outcome}")
    print(f"{outcomes.total() - violations} of {outcomes.total()}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
