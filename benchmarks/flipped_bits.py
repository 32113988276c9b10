"""Reads Parquet files with flipped bits, and checks that none of them is taken for a fault of ours.

    python -m benchmarks.flipped_bits --cases 300

Each case is a run of the command in a process of its own over a file of one of the codecs, of which
a few bits are flipped. It must end with 0, 1 (items failed) or 3 (the input cannot be read) and
without a traceback, whatever pyarrow raises. Deaths by a signal in pyarrow's code are counted.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path

__all__ = ["main"]

_CODECS = ("none", "snappy", "gzip", "zstd", "brotli", "lz4")
_ROWS = 300
_ALLOWED = {0, 1, 3}
_LIMIT_S = 120
_MAIN = Path(__file__).parents[1] / "main.py"


def _written(path: Path, codec: str, chosen: random.Random) -> bytes:
    """Write a Parquet file of many types; return its bytes."""
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    start = datetime(2024, 5, 6)
    table = arrow.table(
        {
            "n": list(range(_ROWS)),
            "text": [f"é{n}" * (n % 7) for n in range(_ROWS)],
            "at": [start + timedelta(hours=n) for n in range(_ROWS)],
            "zoned": arrow.array(range(_ROWS), arrow.timestamp("ns", "Europe/Berlin")),
            "word": arrow.array(["a", None, "b"] * (_ROWS // 3)).dictionary_encode(),
            "list": [[n, None] for n in range(_ROWS)],
            "map": arrow.array([{"k": n} for n in range(_ROWS)], arrow.map_("string", "int64")),
            "object": [{"a": n, "b": [str(n)]} for n in range(_ROWS)],
        }
    )
    parquet.write_table(
        table,
        path,
        compression=codec,
        use_dictionary=chosen.random() < 0.5,
        write_page_checksum=chosen.random() < 0.3,
        use_deprecated_int96_timestamps=chosen.random() < 0.3,
        row_group_size=chosen.choice([50, 1000]),
    )
    return path.read_bytes()


def _run(case: int, seed: int, directory: Path) -> tuple[int, str]:
    """Run the command over a file with flipped bits; return its exit code and its last words."""
    chosen = random.Random(f"{seed}/{case}")
    path = directory / f"{case}.parquet"
    raw = bytearray(_written(path, _CODECS[case % len(_CODECS)], chosen))
    where = len(raw) if chosen.random() < 0.5 else min(len(raw), 4000)  # often in the footer
    for _ in range(chosen.randint(1, 3)):
        raw[len(raw) - 1 - chosen.randrange(where)] ^= 1 << chosen.randrange(8)
    path.write_bytes(raw)
    task = directory / "flipped_bits_task.py"
    output = directory / f"{case}.out.parquet"
    words = ["run", f"{task}:same", f"{path}", "-o", f"{output}", "--backend", "sequential", "-q"]
    ended = subprocess.run(
        [sys.executable, str(_MAIN), *words],
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    return ended.returncode, ended.stderr


def _bad(codes_and_words: Iterator[tuple[int, str]], counts: Counter[str]) -> Iterator[str]:
    """Yield what is wrong with a case; count all by their exit codes."""
    for case, (code, words) in enumerate(codes_and_words):
        died = "ended this process with signal" in words or code < 0
        counts["died in pyarrow" if died else f"exit {code}"] += 1
        if not died and (code not in _ALLOWED or "Traceback" in words):
            yield f"case {case}: exit {code}\n{words}"


def main(words: list[str] | None = None) -> int:
    """Run the cases, print how they ended, and return 1 when one was taken for a fault of ours."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.flipped_bits")
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as pool:
        directory = Path(place)
        (directory / "flipped_bits_task.py").write_text("def same(row):\n    return row\n")
        cases = range(options.cases)
        ended = pool.map(lambda case: _run(case, options.seed, directory), cases)
        bad = 0
        for found in _bad(ended, counts):
            print(found, flush=True)
            bad += 1
    print("\n".join(f"{name}: {number}" for name, number in sorted(counts.items())))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
