"""A git repository with tasks, and `benchmark` as a user runs it there, leaving nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

Done = subprocess.CompletedProcess[str]

TASKS = """
import os, time
from pathlib import Path
from helping import WAIT_S

loaded = []
def load(): loaded.append(1); time.sleep(0.2)
def wait(line):
    time.sleep(WAIT_S)
    return line
def wait_loaded(line):
    assert loaded == [1]
    return wait(line)
def where(line): return time.sleep(Path("data.txt").read_text().count("x") / 1000)
def chatty(line):
    print("printed", flush=True)
    os.write(2, b"written")
    return wait(line)
def odd(line):
    if FAILS and int(line) % 2: raise ValueError(line)
    return wait(line)
def exits(line): os._exit(7)
FAILS = False
"""

INPUT = ("lines.txt", "--no-progress")


def git(directory: Path, *words: str) -> str:
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    return subprocess.run(
        ["git", *author, *words], cwd=directory, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a repository with the tasks in one commit; what is temporary lies beside it."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    directory = tmp_path / "repository"
    directory.mkdir()
    git(directory, "init", "-q")
    (directory / "tasks.py").write_text(TASKS)
    (directory / "helping.py").write_text("WAIT_S = 0.006\n")
    (directory / "lines.txt").write_text("".join(f"{number}\n" for number in range(24)))
    (directory / ".gitignore").write_text("__pycache__\n*.json\n")
    git(directory, "add", ".")
    git(directory, "commit", "-q", "-m", "first")
    return directory


@pytest.fixture
def benchmark(repository: Path) -> Callable[..., Done]:
    """Return what runs `benchmark` in the repository and checks that nothing is left behind."""

    def run(*words: str, **environment: str) -> Done:
        before = git(repository, "status", "--porcelain", "--branch")
        done = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), "benchmark", *words],
            cwd=repository,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert git(repository, "status", "--porcelain", "--branch") == before
        check_nothing_is_left(repository)
        return done

    return run


def check_nothing_is_left(repository: Path) -> None:
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert not (repository / ".git" / "worktrees").exists()
    assert not list((repository.parent / "temporary").glob("batchmap-versus-*"))
