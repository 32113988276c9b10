"""Read files of every format that were changed at random: never our fault, never without an end.

    python -m benchmarks.mutated_inputs [--cases 20000] [--jobs 2] [--quick] [--only SEED]

Each case is a command `run` over a valid file of one of the formats, plain or compressed, in which
bits are flipped, spans cut, doubled or swapped, and bytes or words put in that have a meaning in
some format. It must end with 0, 1 (items failed) or 3 (the input cannot be read, which is said),
without a traceback, and within a minute. A process is forked for each, with all modules loaded.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.valid_inputs import valid_inputs

__all__ = ["main"]

ALLOWED = {0, 1, 3}
LIMIT_S = 60.0


WORDS = (
    b'"', b"''", b"\n", b"\r", b"\r\n", b"\0", b",", b";", b"\t", b"{", b"[", b"]" * 3, b":",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"1e999", b"-0", b"NaN", b"9" * 5000,
    b"[" * 3000, b'{"a":' * 500, b"null", b"\\u0000", b"=1+1", b"PK\x03\x04", b"PAR1", b"\x1f\x8b",
)  # fmt: skip


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Return the bytes, changed in one to four ways."""
    for _ in range(draw.randint(1, 4)):
        data = draw.choice(CHANGES)(data, draw)
    return data


def flipped(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8)) if data else 0):
        changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def cut(data: bytes, draw: random.Random) -> bytes:
    start, end = span(data, draw)
    return data[:start] + data[end:]


def doubled(data: bytes, draw: random.Random) -> bytes:
    start, end = span(data, draw)
    return data[:end] + data[start:end] * draw.choice((1, 1, 3)) + data[end:]


def swapped(data: bytes, draw: random.Random) -> bytes:
    (a, b), (c, d) = sorted((span(data, draw), span(data, draw)))
    if b > c:
        return data
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def with_word(data: bytes, draw: random.Random) -> bytes:
    start, end = span(data, draw)
    kept = start if draw.random() < 0.5 else end
    return data[:start] + draw.choice(WORDS) + data[kept:]


def with_noise(data: bytes, draw: random.Random) -> bytes:
    start, end = span(data, draw)
    return data[:start] + draw.randbytes(end - start) + data[end:]


def with_zeros(data: bytes, draw: random.Random) -> bytes:
    start, end = span(data, draw)
    return data[:start] + bytes(end - start) + data[end:]


def truncated(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randint(0, len(data))]


def spliced(data: bytes, draw: random.Random) -> bytes:
    other = draw.choice(valid_inputs()).data
    return data[: draw.randint(0, len(data))] + other[draw.randint(0, len(other)) :]


CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flipped, flipped, cut, doubled, swapped, with_word, with_word, with_noise, with_zeros,
    truncated, spliced,
)  # fmt: skip


def span(data: bytes, draw: random.Random) -> tuple[int, int]:
    """Return where a span begins and ends, most often a short one."""
    start = draw.randint(0, len(data))
    return start, min(len(data), start + draw.choice((1, 2, 4, 16, 100, len(data))))


def attempt(seed: int) -> tuple[str, str]:
    """Run a case in a process of its own; return its format with what came of it, and any fault."""
    draw = random.Random(seed)
    valid = draw.choice(valid_inputs())
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / valid.name).write_bytes(mutated(valid.data, draw))
        source = (
            f"sqlite:///{directory}/in.db?query=SELECT n, text, x FROM t"
            if valid.name == "in.db"
            else valid.name
        )
        output = draw.choice(("out.jsonl", "out.csv", "out.parquet"))
        words = ["run", "builtins:repr", source, "-o", output, *valid.options]
        if draw.random() < 0.9:
            words += ["--backend", "sequential"]
        code = ended(words, directory)
        said = (directory / "said").read_text(errors="replace")
        what = f"{Path(valid.name).suffix:8} exit {code}"
        if code not in ALLOWED:
            return what, f"seed {seed}: {' '.join(words)}: exit {code}\n{said[-1500:]}"
        if "Traceback" in said or (code == 3 and not said.strip()):
            return what, f"seed {seed}: {' '.join(words)}: exit {code}, said\n{said[-1500:]}"
        return what, ""


def ended(words: list[str], directory: Path) -> int | str:
    """Return how a command ended: its exit code, or a word."""
    pid = os.fork()
    if not pid:
        code = 70
        with suppress(BaseException):
            os.chdir(directory)
            os.setsid()
            said = os.open("said", os.O_WRONLY | os.O_CREAT)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(said, 1)
            os.dup2(said, 2)
            sys.stdin = os.fdopen(0, closefd=False)
            sys.stdout = os.fdopen(1, "w", closefd=False)
            sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
            code = application().main(words)
            sys.stdout.flush()
        os._exit(code)
    deadline_s = time.monotonic() + LIMIT_S
    pause_s = 0.001
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline_s:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return "hang"
        time.sleep(pause_s)
        pause_s = min(0.05, 2 * pause_s)


@cache
def application() -> Any:
    return import_module("batchmap.command.main").APPLICATION


def load() -> None:
    """Load what the commands need, before processes are forked, and make the valid inputs."""
    application()
    for name in (
        "batchmap.command.run", "batchmap.sinks", "batchmap.sources", "batchmap.sinks.parquet",
        "batchmap.run_api", "pyarrow.parquet", "openpyxl", "zstandard",
    ):  # fmt: skip
        import_module(name)
    valid_inputs()


def main() -> int:
    """Run the cases; return 0 where none was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first case")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--quick", action="store_true", help="500 cases")
    parser.add_argument("--only", type=int, help="the case of this seed alone")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    load()
    if options.only is not None:
        print(*attempt(options.only), sep="\n")
        return 0
    seeds = range(options.seed, options.seed + (500 if options.quick else options.cases))
    counts: Counter[str] = Counter()
    faults = []
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        for what, fault in pool.imap_unordered(attempt, seeds, chunksize=20):
            counts[what] += 1
            if fault:
                faults.append(fault)
                print(fault, flush=True)
    for what, number in sorted(counts.items()):
        print(f"{what}: {number:,}")
    print(f"{len(seeds) - len(faults):,} of {len(seeds):,}")
    return bool(faults)


if __name__ == "__main__":
    raise SystemExit(main())
