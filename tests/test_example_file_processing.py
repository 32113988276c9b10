"""The example of file processing, from its data to its duplicates, as its README says."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections import defaultdict
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.run_command import Place, command, json_lines, place, without_privileges
from tests.waiting import has_lines, wait_until

__all__ = ["place"]

pytest.importorskip("charset_normalizer", reason="needs charset-normalizer")

EXAMPLE = ROOT / "examples" / "file_processing"
TASK = f"{EXAMPLE}/tasks.py:count_words"
FILES = 300
BAD = {
    "cut.txt": "UnicodeDecodeError",
    "locked.txt": "PermissionError",
    "picture.bin": "ValueError",
}
SOONEST_KILL = 20
"""Lines of output before a run is killed."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the sample data."""
    directory = tmp_path_factory.mktemp("files") / "tree"
    words = [sys.executable, str(EXAMPLE / "make_tree.py"), str(directory), "--files", str(FILES)]
    subprocess.run(words, check=True, timeout=60)
    return directory


def task(tree: Path, output: str = "words.jsonl") -> list[str]:
    """Return the words of the README's command."""
    return [TASK, f"{tree}/**/*", "-o", output]


def files_of(tree: Path) -> list[Path]:
    return sorted(path for path in tree.rglob("*") if path.is_file())


@pytest.mark.slow
def test_each_text_is_counted_and_each_bad_file_reported(place: Place, tree: Path) -> None:
    done = place.run(*task(tree), before=without_privileges)
    assert (done.returncode, done.stderr) == (1, "")
    failures = {
        Path(line["item"]).name: line for line in place.failures("words.jsonl.errors.jsonl")
    }
    assert {name: line["error_type"] for name, line in failures.items()} == BAD
    assert failures["picture.bin"]["error"] == "binary: it holds a zero byte"
    found = {
        Path(line["item"]): line["result"] for line in json_lines(place.directory / "words.jsonl")
    }
    assert set(found) == {path for path in files_of(tree) if path.name not in BAD}
    for path, result in found.items():
        assert result == expected(path, result["encoding"])
    encodings = {path: result["encoding"] for path, result in found.items()}
    for path in tree.glob("encodings/*"):
        assert encodings[path] == path.stem


def expected(path: Path, encoding: str) -> dict[str, Any]:
    """Return what a file's result must be, worked out another way than the task does."""
    data = path.read_bytes()
    text = data.decode(encoding)
    count: defaultdict[str, int] = defaultdict(int)
    for is_word, letters in groupby(text, lambda letter: letter.isalnum() or letter == "_"):
        if is_word:
            count["".join(letters).lower()] += 1
    return {
        "encoding": encoding,
        "bytes": path.stat().st_size,
        "lines": len(re.findall(r"[^\n\x0c]*[\n\x0c]|[^\n\x0c]+$", text)),
        "words": sum(count.values()),
        "unique_words": len(count),
        "commonest": sorted(sorted(count), key=lambda word: -count[word])[:5],
        "sha256": hashlib.new("sha256", data).hexdigest(),
    }


def test_the_duplicates_are_those_files_that_are_equal(place: Place, tree: Path) -> None:
    place.run(*task(tree))
    words = [sys.executable, str(EXAMPLE / "duplicates.py"), "words.jsonl"]
    done = subprocess.run(words, cwd=place.directory, capture_output=True, text=True, check=True)
    groups = [
        {Path(line.strip()) for line in group.splitlines()[1:] if line.startswith("  ")}
        for group in re.split(r"(?m)^(?=\d+ files)", done.stdout)[1:]
    ]
    same: defaultdict[bytes, set[Path]] = defaultdict(set)
    for path in files_of(tree):
        same[path.read_bytes()].add(path)
    assert len(groups) > FILES // 50
    assert sorted(groups, key=sorted) == sorted(
        (paths for paths in same.values() if len(paths) > 1), key=sorted
    )


@pytest.mark.slow
@pytest.mark.parametrize("order", [[], ["--unordered"]])
def test_a_killed_run_resumed_equals_one_that_was_not(
    place: Place, tree: Path, order: list[str]
) -> None:
    place.run(*task(tree, "whole.jsonl"), *order)
    words = [*task(tree, "killed.jsonl"), *order]
    kill_half_way(place, *words, "--rate", "100")
    before = place.text("killed.jsonl").count("\n")
    assert SOONEST_KILL <= before < FILES
    resumed = place.run(*words, "--resume", quiet=False)
    assert resumed.returncode == 1, resumed.stderr
    whole, killed = (place.text(name).splitlines() for name in ("whole.jsonl", "killed.jsonl"))
    assert sorted(killed) == sorted(whole) if order else killed == whole
    failed = [
        [(line["index"], line["error"]) for line in place.failures(f"{name}.jsonl.errors.jsonl")]
        for name in ("whole", "killed")
    ]
    assert failed[0] == failed[1] != []
    place.check_no_process()


def kill_half_way(place: Place, *words: str) -> None:
    """Start a run, and kill it with all its processes once some of its output is there."""
    output = place.directory / "killed.jsonl"
    run = subprocess.Popen(
        command(*words, "--no-progress"),
        cwd=place.directory,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: has_lines(output, SOONEST_KILL), process=run)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        code = run.wait(60)
    assert code == -signal.SIGKILL


def test_a_dry_run_names_processes_for_counting_holds_the_gil(place: Place, tree: Path) -> None:
    for _ in range(5):  # on a busy machine, what is measured in a hundredth of a second may be off
        done = place.run(*task(tree), "--dry-run", quiet=False)
        assert done.returncode == 0, done.stderr
        if "Backend: process" in done.stdout:
            break
    assert "Backend: process" in done.stdout
    assert "Backend chosen: processes, it holds the GIL" in done.stdout
    assert "words.jsonl" not in place.names()


def test_the_commands_of_the_readme_do_what_it_says(place: Place) -> None:
    text = (EXAMPLE / "README.md").read_text()
    script = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    script = script.replace("/tmp/files", str(place.directory)).replace("python ", '"$PYTHON" ')
    script = script.replace("/tree\n", f"/tree --files {FILES}\n", 1)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 1, done.stderr  # of the resumed run: files failed
    assert "Traceback" not in done.stderr
    assert "bytes could be saved" in done.stdout
    lines = json_lines(place.directory / "words.jsonl")
    again = json_lines(place.directory / "again.jsonl")
    assert again == sorted(lines, key=lambda line: json.dumps(line["index"]).zfill(9))
