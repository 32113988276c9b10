"""Run public conformance suites through `run`: nothing crashes, and nothing is read wrong.

`python -m benchmarks.conformance DIRECTORY` takes some minutes and prints a table; `--quick` takes
every eighth file. DIRECTORY holds the suites that were downloaded, by these names, none of which is
part of this project:

    json-test-suite     https://github.com/nst/JSONTestSuite (`test_parsing`, `test_transform`)
    csv-spectrum        https://github.com/max-mapper/csv-spectrum (`csvs`, `json`)
    naughty-strings     https://github.com/minimaxir/big-list-of-naughty-strings
    parquet-testing     https://github.com/apache/parquet-testing (`data`, `bad_data`)

Right is what the reference reads: `json`, `csv` and pyarrow. A file that it reads gives the same
items, or a line that says why not; one that it refuses fails, as a whole (exit code 3) or in some
items (1). Any other exit code, and a traceback, is a fault.
"""

from __future__ import annotations

import argparse
import base64
import codecs
import csv
import json
import pickle
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.durability.run_checks import ROOT

__all__ = ["Verdict", "files_of", "verdict_on"]

SUITES = ("json-test-suite", "csv-spectrum", "naughty-strings", "parquet-testing")
OUTCOMES = ("same", "refused", "WRONG")
TASK = """
import base64, pickle
def seen(item): return base64.b64encode(pickle.dumps(item)).decode()
"""
TIMEOUT_S = 120
MAX_SHOWN = 300
QUICK_STEP = 8
PARALLEL = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one file."""

    file: Path
    outcome: str
    """One of `OUTCOMES`."""
    why: str
    """The line of a refusal, or what is wrong; empty where all is the same."""


class _RefusedError(Exception):
    """The reference does not read a file."""


def files_of(suite: Path) -> list[Path]:
    """Return the files of a suite, in order."""
    expected = suite / "json" if suite.name == "csv-spectrum" else None
    return sorted(
        path
        for path in suite.rglob("*")
        if path.is_file() and path.parent != expected and path.suffix not in (".md", ".sh")
    )


def verdict_on(file: Path, directory: Path) -> Verdict:
    """Run a task over a file, in an empty directory, and compare the items that it was given."""
    (directory / "tasks.py").write_text(TASK)
    output = directory / "out.jsonl"
    words = [f"{directory}/tasks.py:seen", str(file), "-o", str(output)]
    words += ["--record", "result", "--keep-order", "-q"]
    try:
        done = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), "run", *words],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return Verdict(file, "WRONG", f"no end after {TIMEOUT_S} s")
    line = done.stderr.strip()
    if "Traceback" in done.stderr or done.returncode not in (0, 1, 3):
        return Verdict(file, "WRONG", f"exit {done.returncode}: {line[-MAX_SHOWN:]}")
    if done.returncode == 3:
        must_be_read = file.name.startswith("y_") and isinstance(_json(file), list)
        is_said = line and "\n" not in line
        return Verdict(file, "refused" if is_said and not must_be_read else "WRONG", line)
    if done.returncode == 1:
        return Verdict(file, "refused", "some items")
    texts = map(json.loads, output.read_text().splitlines())
    items = [pickle.loads(base64.b64decode(text)) for text in texts]
    try:
        expected = _reference(file)
    except _RefusedError as error:
        return Verdict(file, "WRONG", f"read, and the reference does not ({error})")
    # PyArrow shows an empty map as an empty list.
    if repr(items).replace("{}", "[]") != repr(expected).replace("{}", "[]"):
        return Verdict(file, "WRONG", f"read as {items!r:.100}, and it is {expected!r:.100}")
    return Verdict(file, "same", "")


def _reference(file: Path) -> list[Any]:
    """Return the items that the format's reference reads; raises `_RefusedError`."""
    if file.suffix == ".parquet":
        return _parquet(file)
    if file.suffix == ".json":
        try:
            value = _json(file)
        except _RefusedError:
            return [_value(line) for line in file.read_bytes().splitlines() if line.strip()]
        if not isinstance(value, list):
            raise _RefusedError("a value that is no array")
        return value
    text = file.read_bytes().decode("utf-8-sig", "surrogateescape")
    if file.suffix == ".csv":
        rows = list(csv.DictReader(text.splitlines(keepends=True), strict=True))
        return [dict(row) for row in rows]
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _json(file: Path) -> Any:
    return _value(file.read_bytes())


def _value(raw: bytes) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        has_mark = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding = "utf-16" if has_mark else "utf-8-sig"
        return json.loads(raw.decode(encoding), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise _RefusedError(f"{error}") from error


def _parquet(file: Path) -> list[Any]:
    import pyarrow
    from pyarrow.parquet import read_table

    try:
        rows: list[Any] = read_table(
            file, use_threads=False, partitioning=None, page_checksum_verification=True
        ).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _RefusedError(f"{error}") from error
    return [_with_maps(row) for row in rows]


def _with_maps(value: Any) -> Any:
    """Return what PyArrow read with maps as `dict`s where their keys are texts, each once."""
    if isinstance(value, dict):
        return {name: _with_maps(one) for name, one in value.items()}
    if not isinstance(value, list):
        return value
    inner = [
        (one[0], _with_maps(one[1])) if isinstance(one, tuple) else _with_maps(one) for one in value
    ]
    keys = [one[0] for one in inner if isinstance(one, tuple)]
    is_map = keys and len(keys) == len(inner) == len(set(keys)) and all(map(_is_text, keys))
    return dict(inner) if is_map else inner


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _verdicts(files: list[Path]) -> Iterator[Verdict]:
    def judged(file: Path) -> Verdict:
        with tempfile.TemporaryDirectory(prefix="conformance-") as directory:
            return verdict_on(file, Path(directory))

    with ThreadPoolExecutor(PARALLEL) as pool:
        yield from pool.map(judged, files)


def main() -> int:
    """Judge every file and print the table; returns 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    suites = [options.directory / name for name in SUITES if (options.directory / name).is_dir()]
    if not suites:
        parser.error(f"{options.directory} holds none of {', '.join(SUITES)}")
    wrong: list[Verdict] = []
    print("suite".ljust(20), "files", *(name.rjust(8) for name in OUTCOMES))
    for suite in suites:
        files = files_of(suite)[:: QUICK_STEP if options.quick else 1]
        verdicts = list(_verdicts(files))
        counts = Counter(verdict.outcome for verdict in verdicts)
        numbers = (str(counts[name]).rjust(8) for name in OUTCOMES)
        print(suite.name.ljust(20), str(len(files)).rjust(5), *numbers, flush=True)
        wrong += [verdict for verdict in verdicts if verdict.outcome == "WRONG"]
    for verdict in wrong:
        print(f"{verdict.file.relative_to(options.directory)}: {verdict.why}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
