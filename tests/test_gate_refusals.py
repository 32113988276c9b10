"""What `benchmark --versus` refuses: a clear line, exit 2, and nothing left behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import RunMain, rest_slow
from tests.git_repository import INPUT, TASKS, Done, benchmark, git, repository

__all__ = ["benchmark", "repository"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--versus", "no-such-branch"],
            "--versus no-such-branch: there is no such revision in {top}; git log shows which "
            "there are",
        ),
        (["--versus", "HEAD:tasks.py"], "--versus HEAD:tasks.py: there is no such revision in "),
        (["--versus="], "--versus : there is no such revision in "),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_runs(
    benchmark: Callable[..., Done], repository: Path, words: list[str], message: str
) -> None:
    done = benchmark("tasks.py:wait", "lines.txt", *words, "--no-progress")
    assert (done.returncode, done.stdout) == (2, "")
    assert message.format(top=repository) in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_revision_is_compared_with_a_task_alone(run_main: RunMain) -> None:
    done = run_main("benchmark", "--versus", "HEAD")
    assert done.returncode == 2
    assert done.stderr == "--versus HEAD: needs TASK and INPUT, to be run at both revisions\n"


def _outside(repository: Path) -> tuple[str, str]:
    (repository.parent / "other.py").write_text("def f(line): pass\n")
    return "../other.py:f", "../other.py:f is in no git repository"


def _new(repository: Path) -> tuple[str, str]:
    (repository / "new.py").write_text("def f(line): pass\n")
    return "new.py:f", "--versus HEAD: new.py is not there at that revision"


def _new_function(repository: Path) -> tuple[str, str]:
    (repository / "tasks.py").write_text(f"{TASKS}\ndef f(line): pass\n")
    return "tasks.py:f", "at HEAD: no function 'f' in tasks.py"


def _broken(repository: Path) -> tuple[str, str]:
    (repository / "tasks.py").write_text("import nothing_such\n")
    return "tasks.py:wait", "now: tasks.py cannot be imported: ModuleNotFoundError"


def _missing(repository: Path) -> tuple[str, str]:
    return "none.py:f", "now: there is no file none.py"


def _installed(repository: Path) -> tuple[str, str]:
    return "json:loads", "at HEAD: json is imported from "


def _built_in(repository: Path) -> tuple[str, str]:
    return "builtins:len", "at HEAD: builtins is imported from Python itself, which is no file of "


def _new_module(repository: Path) -> tuple[str, str]:
    (repository / "new.py").write_text("def f(line): pass\n")
    return "new:f", "at HEAD: there is no module new; check its name"


def _found_in_the_working_tree(repository: Path) -> tuple[str, str]:
    search = f"import sys\nsys.path.insert(0, {str(repository)!r})\n"
    (repository / "tasks.py").write_text(f"{search}{TASKS}")
    git(repository, "commit", "-q", "-a", "-m", "by its own path")
    return "tasks.py:wait", f"at HEAD: helping is imported from {repository / 'helping.py'}, which"


def _asynchronous(repository: Path) -> tuple[str, str]:
    git(repository, "tag", "plain")
    (repository / "tasks.py").write_text("async def wait(line): pass\n")
    git(repository, "commit", "-q", "-a", "-m", "asynchronous")
    (repository / "tasks.py").write_text("def wait(line): pass\n")
    return "tasks.py:wait", "is an `async def` function at one of the revisions only; --backend "


@pytest.mark.parametrize(
    "prepare",
    rest_slow(
        4,
        _outside,
        _new,
        _installed,
        _found_in_the_working_tree,
        _asynchronous,
        _broken,
        _built_in,
        _missing,
        _new_function,
        _new_module,
    ),
)
def test_a_task_that_is_not_on_both_sides_is_told_in_a_line(
    benchmark: Callable[..., Done], repository: Path, prepare: Callable[[Path], tuple[str, str]]
) -> None:
    task, message = prepare(repository)
    done = benchmark(task, *INPUT, "--versus", "HEAD", "--backend", "auto")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "batchmap-versus" not in done.stderr


def test_an_item_that_ends_its_process_is_told_with_its_side(
    benchmark: Callable[..., Done],
) -> None:
    done = benchmark("tasks.py:exits", *INPUT, "--versus", "HEAD")
    assert done.returncode == 3
    assert re.fullmatch(r"(at HEAD|now): an item ended its process with exit code 7\n", done.stderr)


def test_without_git_it_is_told(benchmark: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    words = ("tasks.py:wait", *INPUT, "--versus", "HEAD")
    done = benchmark(*words, PATH=str(tmp_path / "empty"))
    assert (done.returncode, done.stderr) == (2, "--versus needs git, which is not installed\n")
