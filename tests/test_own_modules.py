"""A task's own modules come first, whatever they are called: ours are never met by their names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, RunMain, rest_slow
from tests.installed import Done, Environment
from tests.run_command import ended, json_lines

MODULES = ("graphs", "main", "nodes", "utils", "workloads")
FOLDERS = ("benchmarks.own", "docs.own", "examples.own", "tests.own")
OWN = [*MODULES, *FOLDERS]

EARLY = f"""
import {", ".join(OWN)}

def names(item):
    return [{", ".join(f"{name}.NAME" for name in OWN)}]
"""

LATE = f"""
def names(item):
    import importlib
    return [importlib.import_module(name).NAME for name in {OWN}]
"""

FIND = """
from importlib.util import find_spec
from pathlib import Path

*NAMES, ROOT, ENVIRONMENT = Path(__file__).with_name("names.txt").read_text().splitlines()

def is_ours(name):
    spec = find_spec(name)
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    return any(str(place).startswith((ROOT, ENVIRONMENT)) for place in places)

def found(item):
    return list(filter(is_ours, NAMES))
"""
"""Tells what it finds of this repository and of the environment; others may have such names."""

BACKENDS = ("auto", "process", "sequential", "thread")

PROGRAMS = ("main.py", "batchmap")


class Programs:
    """Both programs that have the subcommand `run`, in a directory with names like ours."""

    def __init__(self, directory: Path, installed: Environment) -> None:
        self.directory = directory
        self._installed = installed
        (directory / "in.txt").write_text("a\nb\nc\nd\n")

    def write(self, name: str, text: str) -> None:
        """Write a file of the directory, in a package where its name says so."""
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def write_own(self, *, as_packages: bool = False) -> None:
        """Write modules called like ours, each of which says its name."""
        for name in OWN:
            file = name.replace(".", "/")
            as_package = as_packages and name in MODULES
            self.write(f"{file}/__init__.py" if as_package else f"{file}.py", f"NAME = {name!r}\n")

    def run(self, program: str, *words: str) -> Done:
        """Run `python main.py run` or `batchmap run` in the directory."""
        if program == "batchmap":
            return self._installed.run("batchmap", "run", *words, cwd=self.directory)
        return subprocess.run(
            [sys.executable, str(ROOT / "main.py"), "run", *words],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )

    def results(self, program: str, task: str, *words: str) -> list[Any]:
        """Return what a task makes of the input, each different result once."""
        done = self.run(program, task, "in.txt", "-q", "-o", "out.jsonl", "--overwrite", *words)
        assert ended(done) == (0, []), done.stdout
        lines = json_lines(self.directory / "out.jsonl")
        assert sorted(line["item"] for line in lines) == ["a", "b", "c", "d"]
        return [json.loads(one) for one in {json.dumps(line["result"]) for line in lines}]


@pytest.fixture
def programs(tmp_path: Path, installed: Environment) -> Programs:
    return Programs(tmp_path, installed)


@pytest.mark.parametrize("backend", rest_slow(2, *BACKENDS))
@pytest.mark.parametrize("program", rest_slow(1, *PROGRAMS))
def test_a_task_imports_the_modules_beside_it(
    programs: Programs, program: str, backend: str
) -> None:
    programs.write_own()
    programs.write("own.py", EARLY)
    assert programs.results(program, "own.py:names", "--backend", backend) == [OWN]


@pytest.mark.parametrize("backend", rest_slow(2, *BACKENDS))
@pytest.mark.parametrize("program", rest_slow(1, *PROGRAMS))
def test_a_function_imports_the_packages_beside_it_when_it_is_called(
    programs: Programs, program: str, backend: str
) -> None:
    programs.write_own(as_packages=True)
    programs.write("own.py", LATE)
    assert programs.results(program, "own.py:names", "--backend", backend) == [OWN]


@pytest.mark.parametrize("program", PROGRAMS)
def test_workers_of_the_fork_server_import_the_modules_beside_the_task(
    programs: Programs, program: str
) -> None:
    programs.write_own()
    programs.write(
        "threaded.py",
        "import os, threading\n"
        "command = int(os.environ.setdefault('COMMAND', str(os.getpid())))\n"
        "if command == os.getpid():  # a thread, so that no worker is forked from the command\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "from own import names\n"
        "def names_and_parent(item): return [names(item), os.getppid() == command]\n",
    )
    programs.write("own.py", EARLY)
    for form in ("threaded.py:names_and_parent", "threaded:names_and_parent"):
        assert programs.results(program, form, "--backend", "process") == [[OWN, False]]


@pytest.mark.parametrize("program", rest_slow(1, *PROGRAMS))
@pytest.mark.parametrize(
    "name", rest_slow(3, "main", "tests", "utils", "graphs", "nodes", "workbook")
)
def test_the_task_itself_may_be_called_like_one_of_our_modules(
    programs: Programs, program: str, name: str
) -> None:
    programs.write(f"{name}.py", "def name(item): return [__name__, __file__, helper()]\n")
    with (programs.directory / f"{name}.py").open("a") as file:
        file.write("def helper(): return 'its own'\n")
    [[_, file_found, helped]] = programs.results(program, f"{name}.py:name", "--backend", "process")
    assert (Path(file_found), helped) == (programs.directory / f"{name}.py", "its own")


@pytest.mark.parametrize("program", rest_slow(1, *PROGRAMS))
@pytest.mark.parametrize(
    "name", rest_slow(2, "main", "utils.tasks", "tests.tasks", "graphs", "nodes")
)
def test_a_task_of_a_module_comes_from_the_working_directory(
    programs: Programs, program: str, name: str
) -> None:
    programs.write(f"{name.replace('.', '/')}.py", "def name(item): return __name__\n")
    assert programs.results(program, f"{name}:name", "--backend", "process") == [name]


@pytest.mark.parametrize("backend", ["thread", "process"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_task_without_such_modules_finds_none_of_ours(
    programs: Programs, installed: Environment, program: str, backend: str
) -> None:
    places = (ROOT, ROOT / "packages/batchmap/batchmap")
    found_in = (path for place in places for path in place.glob("[a-z]*"))
    ours = {path.stem for path in found_in if path.suffix in ("", ".py")}
    assert ours >= {"benchmarks", "graphs", "job", "main", "nodes", "tests", "utils"}
    programs.write("find.py", FIND)
    programs.write("names.txt", "\n".join([*sorted(ours), str(ROOT), str(installed.directory)]))
    [found] = programs.results(program, "find.py:found", "--backend", backend)
    # This is the name under which the workbook's own process has its modules.
    own = ("main.py", "batchmap_workbook")
    assert [name for name in found if (program, name) != own] == []


def test_a_task_imports_the_module_workbook_beside_it(programs: Programs) -> None:
    programs.write("workbook.py", "NAME = 'workbook'\n")
    programs.write("own.py", "import workbook\ndef name(item): return workbook.NAME\n")
    assert programs.results("main.py", "own.py:name", "--backend", "thread") == ["workbook"]


@pytest.mark.parametrize("backend", ["thread", "process"])
def test_compare_runs_a_task_with_the_modules_beside_it(
    programs: Programs, run_main: RunMain, backend: str
) -> None:
    programs.write_own()
    programs.write(
        "own.py",
        f"{EARLY}\n"
        "def noted(item):\n"
        "    with open('seen', 'a') as file: print(*names(item), file=file)\n"
        "    return item\n",
    )
    done = run_main(
        "compare", "--task", "own.py:noted", "--input", "in.txt", "--backend", backend, "-q"
    )
    assert ended(done) == (0, [])
    seen = (programs.directory / "seen").read_text().splitlines()
    assert (len(seen) >= 8, set(seen)) == (True, {" ".join(OWN)})


@pytest.mark.parametrize("kind", rest_slow(1, "found", "names"))
def test_on_dask_a_task_meets_its_own_modules_alone(programs: Programs, kind: str) -> None:
    pytest.importorskip("distributed")
    programs.write_own()
    programs.write("own.py", LATE)
    programs.write(
        "apart/find.py",
        "from importlib.util import find_spec\n"
        f"def found(item): return [name for name in {list(MODULES)} if find_spec(name)]\n",
    )
    task, expected = {"names": ("own.py:names", OWN), "found": ("apart/find.py:found", [])}[kind]
    assert programs.results("main.py", task, "--backend", "dask", "-j", "1") == [expected]


def test_a_task_called_from_this_repository_imports_the_modules_beside_it(
    programs: Programs, tmp_path: Path
) -> None:
    programs.write_own()
    programs.write("own.py", LATE)
    done = subprocess.run(
        [sys.executable, "main.py", "run", str(tmp_path / "own.py:names"),
         str(tmp_path / "in.txt"), "-q", "-o", str(tmp_path / "out.jsonl"),
         "--backend", "process"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )  # fmt: skip
    assert ended(done) == (0, []), done.stdout
    assert [line["result"] for line in json_lines(tmp_path / "out.jsonl")] == [OWN] * 4
