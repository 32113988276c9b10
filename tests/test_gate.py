"""`benchmark --gate`, against a git revision and against a saved benchmark, as a user runs it."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.git_repository import (
    INPUT,
    TASKS,
    Done,
    benchmark,
    check_nothing_is_left,
    git,
    repository,
)

__all__ = ["benchmark", "repository"]

# Against a git revision ---------------------------------------------------------------------


def test_what_is_slower_than_the_revision_ends_with_5(
    benchmark: Callable[..., Done], repository: Path
) -> None:
    (repository / "helping.py").write_text("WAIT_S = 0.018\n")  # not committed
    words = ("tasks.py:wait", *INPUT, "--versus", "HEAD")
    done = benchmark(*words, "--gate", "50%", "--export-json", "../report.json")
    assert (done.returncode, done.stderr) == (5, "")
    assert "\nSlower than the gate of 50% allows: time +" in done.stdout
    assert "Note: no file differs" not in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    versus = json.loads((repository.parent / "report.json").read_text())["versus"]
    assert versus["commit"] == git(repository, "rev-parse", "HEAD")[:12]
    assert versus["figure"]["decision"] == "slower"
    assert versus["figure"]["least"] > 1.5
    quiet = benchmark(*words, "--gate", "50%", "-q")
    assert (quiet.returncode, quiet.stdout) == (5, "")
    assert re.fullmatch(r"Slower than the gate of 50% allows: time \+.*\n", quiet.stderr)


def test_what_has_not_changed_passes_in_any_form(
    benchmark: Callable[..., Done], repository: Path
) -> None:
    words = ("tasks.py:wait_loaded", *INPUT, "--setup", "load", "--backend", "process", "-j", "2")
    done = benchmark(
        *words, "--versus", "HEAD", "--gate", "300%", "--export-markdown", "../report.md"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nNot slower than the gate of 300% allows: time " in done.stdout
    assert "items on 2 workers of the process backend" in done.stdout
    assert "- Note: no file differs from the revision" in done.stdout
    assert "not slower" in (repository.parent / "report.md").read_text()


def test_a_module_is_that_of_the_revision_and_data_are_those_of_the_command(
    benchmark: Callable[..., Done], repository: Path
) -> None:
    package = repository / "source" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .inner import *\n")
    (package / "inner.py").write_text(TASKS.replace("from helping import WAIT_S", "WAIT_S = 0"))
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "package")
    (repository / "data.txt").write_text("xxxxx")  # git does not know it
    (package / "inner.py").write_text((package / "inner.py").read_text().replace("1000", "100"))
    words = ("package:where", *INPUT, "--versus", "HEAD")
    done = benchmark(*words, "--gate", "100%", PYTHONPATH=str(repository / "source"))
    assert (done.returncode, done.stderr) == (5, "")


def test_what_the_task_prints_is_not_shown(benchmark: Callable[..., Done]) -> None:
    done = benchmark("tasks.py:chatty", *INPUT, "--versus", "HEAD", "--repeat", "8", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_failures_that_are_new_leave_it_open(
    benchmark: Callable[..., Done], repository: Path
) -> None:
    (repository / "tasks.py").write_text(TASKS.replace("FAILS = False", "FAILS = True"))
    words = ("tasks.py:odd", *INPUT, "--versus", "HEAD", "--repeat", "8", "--gate", "10%")
    done = benchmark(*words)
    assert done.returncode == 0
    assert "of the items fail now, 0% before" in " ".join(done.stdout.split())
    assert done.stdout.splitlines()[1].startswith("Cannot tell whether slower than the gate of 10%")


@pytest.mark.slow
def test_where_every_item_fails_nothing_is_told(
    benchmark: Callable[..., Done], repository: Path
) -> None:
    (repository / "lines.txt").write_text("none\n")
    words = ("tasks.py:odd", *INPUT, "--versus", "HEAD", "--repeat", "8", "--gate", "10%")
    (repository / "tasks.py").write_text(TASKS.replace("FAILS = False", "FAILS = True"))
    git(repository, "commit", "-q", "-a", "-m", "fails")
    done = benchmark(*words)
    assert done.returncode == 0
    assert "allows: every item fails on both sides" in " ".join(done.stdout.split())
    assert "- Failed items: 100.0% before, 100.0% now\n" in done.stdout


def test_too_few_pairs_leave_it_open(benchmark: Callable[..., Done]) -> None:
    words = ("tasks.py:wait", *INPUT, "--versus", "HEAD", "--repeat", "2", "--gate", "10%")
    done = benchmark(*words)
    assert done.returncode == 0
    assert "2 pairs of runs are too few; fewer or shorter items help, or --repeat 20" in " ".join(
        done.stdout.split()
    )


def test_ctrl_c_leaves_nothing_behind(repository: Path) -> None:
    os.mkfifo(repository / "up")
    (repository / "tasks.py").write_text(
        'import time\ndef hang(line): open("up", "w").write("x"); time.sleep(60)\n'
    )
    git(repository, "commit", "-q", "-a", "-m", "hang")
    words = ("tasks.py:hang", "lines.txt", "--versus", "HEAD", "--backend", "process", "-j", "2")
    with subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "benchmark", *words],
        cwd=repository,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        up = os.open(repository / "up", os.O_RDONLY | os.O_NONBLOCK)
        try:
            assert select.select([up], [], [], 60)[0], process.poll()
            os.killpg(process.pid, signal.SIGINT)
            out, _ = process.communicate(timeout=60)
        finally:
            os.close(up)
            process.kill()
    assert (process.returncode, out) == (130, b"")
    check_nothing_is_left(repository)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            assert (entry / "cwd").resolve() != repository, entry
        except OSError:
            continue


def test_what_a_killed_command_left_is_removed_by_the_next(
    benchmark: Callable[..., Done], repository: Path
) -> None:
    """The name of its directory holds the id of its process."""
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    left = repository.parent / "temporary" / f"batchmap-versus-{ended.pid}-abc"
    left.mkdir()
    git(repository, "worktree", "add", "-q", "--detach", str(left / "tree"))
    assert benchmark("tasks.py:wait", *INPUT, "--versus", "no-such-branch").returncode == 2


# Against a saved benchmark ------------------------------------------------------------------


def test_a_benchmark_is_gated_by_a_saved_one_with_its_plan(
    benchmark: Callable[..., Done], repository: Path
) -> None:
    """What the machine did meanwhile is taken out of the file, as it may be busy at any time."""
    words = ("tasks.py:wait", *INPUT, "--repeat", "7", "--save", "before.json")
    assert benchmark(*words).returncode == 0
    path = repository / "before.json"
    document = json.loads(path.read_text())
    [case] = document["cases"]
    assert (case["backend"], len(case["parallel_times_s"])) == ("thread", 7)
    case.update(sequential_load=99, parallel_load=99, probe_s=None)
    path.write_text(json.dumps(document))
    gated = ("tasks.py:wait", *INPUT, "--against", "before.json", "--gate", "50%")

    done = benchmark(*gated, "--repeat", "3")
    assert done.returncode == 0, done.stderr
    assert "parallel time: cannot tell: " in done.stdout
    assert "too few rounds, 7 before and 3 now; --repeat 7" in " ".join(done.stdout.split())
    assert "- Cannot tell of 2 of 2 times\n" in done.stdout

    others = str(case["workers"] + 1)
    done = benchmark(*gated, "--repeat", "1", "-j", others)
    assert done.returncode == 0, done.stderr
    assert f"not compared: workers {case['workers']} before, {others} now\n" in done.stdout
    assert "- Cannot tell of what is not compared\n" in done.stdout

    (repository / "helping.py").write_text("WAIT_S = 0.06\n")
    done = benchmark(*gated, "--export-json", "report.json")
    assert done.returncode == 5, done.stderr
    assert " slower than the gate of 50% allows\n" in done.stdout
    report = json.loads((repository / "report.json").read_text())
    [scenario] = report["scenarios"]
    assert scenario["plan"]["backend"] == case["backend"]
    assert scenario["plan"]["workers"] == case["workers"]
    assert len(report["gate"]["figures"]) == 2
    assert len(scenario["analysis"]["parallel_times"]["values"]) == 7
