"""Programs as users write them, each in the places where users call the library from.

The programs are in `programs`, the places in `hosts`. Every program runs here as a script, in the
first of its backends and in processes unless it says otherwise, and one of them runs in every
place, in processes where that can be; `-m slow` runs all of them in all.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

PROGRAMS = ROOT / "tests" / "programs"
HOSTS = ROOT / "tests" / "hosts"

SCRIPT = "script"
"""The program is itself the main script."""

ALL_HOSTS = (SCRIPT, *sorted(path.stem for path in HOSTS.glob("*.py") if path.stem != "host"))

NEEDS = {"notebook": "nbclient", "flask_handler": "flask", "fastapi_handler": "fastapi"}
"""The package that a host needs."""

REFUSED = {("process", "daemonic_process")}
"""Backends that a host cannot have, which is an error there: see the program a22."""
if sys.version_info[:2] == (3, 12):  # which has no new threads or forks while it exits
    REFUSED |= {(backend, "interpreter_exit") for backend in ("process", "thread", "async")}

OWN_PROCESSES = {
    "a01_nested_calls",
    "a05_multiprocessing_in_an_item",
    "a30_nested_computations",
}
"""Programs that start processes whatever their backend: not in a host that can have none."""

IN_EVERY_HOST = "a00_same_as_a_loop"


def constants(program: Path) -> dict[str, Any]:
    """Return the constants of a program, which is not imported for them."""
    found = {}
    for statement in ast.parse(program.read_text()).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if name in ("BACKENDS", "HOSTS", "IN_CI"):
                found[name] = ast.literal_eval(statement.value)
    return found


def cases(*, slow: bool) -> Iterator[Any]:
    for program in sorted(PROGRAMS.glob("*.py")):
        known = constants(program)
        for backend in known["BACKENDS"]:
            for host in known.get("HOSTS", ALL_HOSTS):
                in_ci = backend in known.get("IN_CI", (known["BACKENDS"][0], "process"))
                if host != SCRIPT:
                    by_default = "auto" if ("process", host) in REFUSED else "process"
                    in_ci = program.stem == IN_EVERY_HOST and backend == by_default
                started = "process" if program.stem in OWN_PROCESSES else backend
                if in_ci is not slow and (started, host) not in REFUSED:
                    name = f"{program.stem}-{backend}-{host}"
                    yield pytest.param(program.stem, backend, host, id=name)


def run(program: str, backend: str, host: str, directory: Path) -> None:
    """Run a program in a host; fails with what it printed when it does not end well."""
    if (package := NEEDS.get(host)) and find_spec(package) is None:
        pytest.skip(f"needs {package}")
    path = PROGRAMS / f"{program}.py"
    words = [path, backend] if host == SCRIPT else [HOSTS / f"{host}.py", program, backend]
    library = [str(ROOT / "packages" / "batchmap"), os.environ.get("PYTHONPATH")]
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, library))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(("program", "backend", "host"), list(cases(slow=False)))
def test_program(program: str, backend: str, host: str, tmp_path: Path) -> None:
    run(program, backend, host, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("program", "backend", "host"), list(cases(slow=True)))
def test_program_elsewhere(program: str, backend: str, host: str, tmp_path: Path) -> None:
    run(program, backend, host, tmp_path)
