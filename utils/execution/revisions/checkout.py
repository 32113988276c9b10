"""The files of a git revision, beside the working tree and without a change to it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from batchmap.errors import UsageError
from batchmap.text import printable

__all__ = ["Checkout", "checked_out"]

_PREFIX = "batchmap-versus-"
"""What the name of a temporary directory begins with; the id of its process follows."""

_LOCAL = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")
"""What a hook is given to find its own repository by; the task's may be another one."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """The files of a revision."""

    revision: str
    """As it was asked for."""
    commit: str
    """Its first 12 digits."""
    top: Path
    """The directory of the user's working tree."""
    tree: Path
    """The directory that holds the same files as they are at the revision."""
    is_unchanged: bool
    """Whether all files that git knows are the same in the working tree."""


@contextmanager
def checked_out(revision: str, directory: Path, task: str) -> Iterator[Checkout]:
    """Check `revision` out of the repository that `directory` lies in; it is gone afterwards.

    It is a worktree in a temporary directory, so that working tree, index and branches stay as they
    are; no hooks run. One that a killed process left behind is removed, too. `task` is for
    messages. Raises `UsageError` where there is no git, repository or revision, or git cannot check
    it out.
    """
    if shutil.which("git") is None:
        raise UsageError("--versus needs git, which is not installed")
    top = Path(_top(directory, task)).resolve()
    _remove_abandoned(top)
    commit = _commit(revision, top)
    name = f"{_PREFIX}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=name, ignore_cleanup_errors=True) as made:
        tree = Path(made).resolve() / "tree"
        words = ("worktree", "add", "--detach", "--quiet", str(tree), commit)
        added = _git(top, "-c", f"core.hooksPath={os.devnull}", *words)
        try:
            if added.returncode:
                raise UsageError(f"--versus {revision}: git cannot check it out: {_reason(added)}")
            yield Checkout(
                revision=revision,
                commit=commit[:12],
                top=top,
                tree=tree,
                is_unchanged=not _git(top, "diff", "--quiet", commit, "--").returncode,
            )
        finally:
            _git(top, "worktree", "remove", "--force", "--force", str(tree))


def _remove_abandoned(top: Path) -> None:
    """Remove the worktrees of processes that were killed."""
    for line in _git(top, "worktree", "list", "--porcelain").stdout.splitlines():
        tree = Path(line.removeprefix("worktree "))
        made = re.fullmatch(rf"{_PREFIX}(\d+)-\w+", tree.parent.name)
        if made is not None and not psutil.pid_exists(int(made[1])):
            _git(top, "worktree", "remove", "--force", "--force", str(tree))
            with suppress(OSError):
                tree.parent.rmdir()


def _top(directory: Path, task: str) -> str:
    """Return the directory of the working tree that `directory` lies in."""
    if not directory.is_dir():
        raise UsageError(f"{task}: there is no directory {directory}; check the path")
    found = _git(directory, "rev-parse", "--show-toplevel")
    if found.returncode:
        if "not a git repository" in found.stderr or "work tree" in found.stderr:
            raise UsageError(
                f"{task} is in no git repository, so it has no revisions to compare with"
            )
        raise UsageError(f"{task}: git does not open its repository: {_reason(found)}")
    return found.stdout.removesuffix("\n")


def _commit(revision: str, top: Path) -> str:
    found = _git(
        top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    if found.returncode:
        shallow = _git(top, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"
        hint = "fetch it, for this clone is shallow" if shallow else "git log shows which there are"
        raise UsageError(f"--versus {revision}: there is no such revision in {top}; {hint}")
    return found.stdout.strip()


def _git(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in _LOCAL}
    return subprocess.run(
        ["git", "-C", str(directory), *words],
        env={**kept, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        start_new_session=True,  # Ctrl-C is ours, so that what it would leave behind is removed
    )


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return what git says is wrong, in a line."""
    lines = [line for line in done.stderr.splitlines() if line.startswith(("fatal:", "error:"))]
    return printable((lines or done.stderr.splitlines() or ["no reason given"])[0])
