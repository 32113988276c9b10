"""A virtual environment that holds the installed library and what it needs, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from tests.conftest import ROOT

LIBRARY = ROOT / "packages" / "batchmap"

Done = subprocess.CompletedProcess[str]


class Environment:
    """A virtual environment without pip, that of the tests installs into it."""

    def __init__(self, directory: Path, dependencies: Sequence[str] = ()) -> None:
        self.directory = directory
        run_checked(sys.executable, "-m", "venv", "--without-pip", directory)
        self.python = directory / "bin" / "python"
        places = {"base": str(directory), "platbase": str(directory)}
        self.packages = Path(sysconfig.get_path("purelib", "venv", places))
        _link_distributions(dependencies, self.packages)

    def install(self, *words: str | Path) -> None:
        """Run `pip install` for this environment."""
        quietly = ["--quiet", "--disable-pip-version-check", "--no-warn-script-location"]
        run_checked(
            sys.executable, "-m", "pip", "--python", self.python, "install", *quietly, *words
        )

    def run(self, *words: str | Path, cwd: Path) -> Done:
        """Run a program of this environment, `python` or another, in the directory `cwd`."""
        program, *rest = words
        return subprocess.run(
            [self.directory / "bin" / program, *rest],
            cwd=cwd,
            env=_plain_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )


def run_checked(*words: str | Path) -> None:
    """Run a program that must succeed."""
    done = subprocess.run(words, env=_plain_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _link_distributions(names: Sequence[str], into: Path) -> None:
    """Link the files of installed distributions, and of what they need, into `into`.

    That takes a second and no network; a `.pth` file would let all else be found as well.
    """
    missing, linked = list(names), set[str]()
    while missing:
        name = missing.pop()
        if name.lower() in linked:
            continue
        linked.add(name.lower())
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # for another system, or an older Python
            assert name not in names
            continue
        for file in distribution.files or ():
            source = Path(str(distribution.locate_file(file)))
            if ".." in file.parts or not source.exists():  # scripts; bytecode not yet made
                continue
            (into / file).parent.mkdir(parents=True, exist_ok=True)
            _link(source, into / file)
        for requirement in distribution.requires or ():
            if "extra ==" not in requirement:
                missing += re.findall(r"^[\w.-]+", requirement)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        pass
    except OSError:  # another file system
        shutil.copy2(source, target)
