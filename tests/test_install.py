"""The library as somebody installs it: in a virtual environment, far from this repository."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.dask_cluster import Cluster
from tests.installed import LIBRARY, Environment, run_checked
from tests.run_command import ended, json_lines

CALL = "from batchmap import parallel_map; print(parallel_map(str, range(3)))"

TASKS = """
import graphs, main, nodes, tests.own, utils, workloads

def f(line):
    modules = graphs, main, nodes, tests.own, utils, workloads
    return [line, *(module.NAME for module in modules)]
"""
OWN = ["graphs", "main", "nodes", "tests.own", "utils", "workloads"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a directory of somebody's own, with modules called like this repository's."""
    (tmp_path / "in.txt").write_text("a\nb\n")
    (tmp_path / "tasks.py").write_text(TASKS)
    for name in OWN:
        file = f"{name.replace('.', '/')}{'/__init__' if name == 'utils' else ''}.py"
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(f"NAME = {name!r}\n")
    return tmp_path


def test_parallel_map_is_there_after_the_installation(
    installed: Environment, tmp_path: Path
) -> None:
    done = installed.run("python", "-c", CALL, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("['0', '1', '2']\n", "")


def test_the_code_that_runs_is_the_installed_one(installed: Environment, tmp_path: Path) -> None:
    code = "import batchmap; print(batchmap.__file__)"
    done = installed.run("python", "-c", code, cwd=tmp_path)
    assert Path(done.stdout.strip()) == installed.packages / "batchmap" / "__init__.py"


@pytest.mark.parametrize("program", ["batchmap", "python -m batchmap"])
def test_batchmap_run_takes_the_modules_of_the_project_that_it_is_called_in(
    installed: Environment, project: Path, program: str
) -> None:
    words = (*program.split(), "run", "tasks.py:f", "in.txt", "-o", "out.jsonl")
    done = installed.run(*words, "--backend", "process", cwd=project)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    results = {line["item"]: line["result"] for line in json_lines(project / "out.jsonl")}
    assert results == {"a": ["a", *OWN], "b": ["b", *OWN]}


def test_the_console_command_says_its_version_and_the_library_the_same(
    installed: Environment, tmp_path: Path
) -> None:
    code = (
        "import batchmap; from importlib.metadata import version; "
        "print(batchmap.__version__, version('batchmap'))"
    )
    done = installed.run("batchmap", "--version", cwd=tmp_path)
    version = installed.run("python", "-c", code, cwd=tmp_path).stdout.split()
    assert ended(done) == (0, [])
    assert done.stdout == f"batchmap {version[0]}\n"
    assert version[0] == version[1]


@pytest.mark.parametrize("words", ["", "--help", "-h", "help"])
def test_the_console_command_without_arguments_is_its_help(
    installed: Environment, tmp_path: Path, words: str
) -> None:
    done = installed.run("batchmap", *words.split(), cwd=tmp_path)
    assert ended(done) == (0, [])
    assert "\nbatchmap run TASK [INPUT ...] [OPTION ...]\n" in done.stdout
    assert "main.py" not in done.stdout


def test_the_help_of_run_calls_the_program_by_its_name(
    installed: Environment, tmp_path: Path
) -> None:
    done = installed.run("batchmap", "run", "--help", cwd=tmp_path)
    assert ended(done) == (0, [])
    assert done.stdout.startswith("usage: batchmap run TASK [INPUT ...] [OPTION ...]\n")
    assert "main.py" not in done.stdout


def test_a_wrong_command_line_is_told_by_the_programs_name(
    installed: Environment, project: Path
) -> None:
    done = installed.run("batchmap", "run", "tasks.py:f", "in.txt", "-o", cwd=project)
    assert ended(done) == (2, ["-o needs a value; batchmap run --help shows which"])


def test_the_library_is_installed_with_its_types(installed: Environment) -> None:
    assert (installed.packages / "batchmap" / "py.typed").read_text() == ""


def test_the_installed_files_are_those_of_the_package(installed: Environment) -> None:
    def files(directory: Path) -> set[Path]:
        return {
            path.relative_to(directory)
            for path in directory.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    assert files(installed.packages / "batchmap") == files(LIBRARY / "batchmap")


def test_importing_the_library_loads_nothing_but_typing(
    installed: Environment, tmp_path: Path
) -> None:
    code = (
        "import sys, typing; before = {*sys.modules}; import batchmap\n"
        "print(*{*sys.modules} - before)"
    )
    loaded = installed.run("python", "-c", code, cwd=tmp_path).stdout.split()
    assert set(loaded) == {"__future__", "batchmap"}


def test_the_first_call_in_place_loads_neither_rich_nor_dask(
    installed: Environment, tmp_path: Path
) -> None:
    code = f"{CALL}; import sys; print(*sys.modules)"
    loaded = installed.run("python", "-c", code, cwd=tmp_path).stdout.split()
    assert not {"rich", "distributed", "dask", "asyncio", "pyarrow"} & set(loaded)


def test_each_public_name_can_be_had_and_no_other(installed: Environment, tmp_path: Path) -> None:
    code = (
        "import batchmap\n"
        "print(dir(batchmap) == sorted(batchmap.__all__))\n"
        "print(all(hasattr(batchmap, name) for name in batchmap.__all__))\n"
        "from batchmap import *\n"
        "print(parallel_map is batchmap.parallel_map)\n"
        "try: batchmap.paralel_map\n"
        "except AttributeError as error: print(error)\n"
        "try: from batchmap import nothing\n"
        "except ImportError as error: print(type(error).__name__)\n"
        "from batchmap import errors; print(errors.UsageError is batchmap.UsageError)\n"
    )
    done = installed.run("python", "-W", "error", "-c", code, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "True",
        "True",
        "True",
        "module 'batchmap' has no attribute 'paralel_map'",
        "ImportError",
        "True",
    ]


def test_utils_hands_on_the_librarys_own_objects(installed: Environment) -> None:
    code = (
        "import utils, batchmap\n"
        "from utils import BatchProcessor, parallel_map, stream_map\n"
        "print(parallel_map is batchmap.parallel_map, stream_map is batchmap.stream_map,\n"
        "      BatchProcessor is batchmap.BatchProcessor, utils.__file__)\n"
        "try: utils.nothing\n"
        "except AttributeError as error: print(error)\n"
    )
    done = installed.run("python", "-c", code, cwd=ROOT)
    assert done.stdout.splitlines() == [
        f"True True True {ROOT / 'utils' / '__init__.py'}",
        "module 'utils' has no attribute 'nothing'",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("source", [LIBRARY, ROOT], ids=["packages/batchmap", "the top"])
def test_pip_installs_the_library_with_all_that_it_needs(tmp_path: Path, source: Path) -> None:
    environment = Environment(tmp_path / "environment")
    environment.install(source)
    done = environment.run("python", "-c", CALL, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("['0', '1', '2']\n", "")
    (tmp_path / "in.txt").write_text("one\nthree\n")
    done = environment.run("batchmap", "run", "builtins:len", "in.txt", "-q", "-k", cwd=tmp_path)
    assert [json.loads(line)["result"] for line in done.stdout.splitlines()] == [3, 5]
    assert not (environment.packages / "kaygraph").exists()


@pytest.mark.slow
def test_the_wheel_is_the_same_from_the_top_and_from_its_folder(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "environment")
    contents = []
    for source in (LIBRARY, ROOT):
        place = tmp_path / source.name
        words = ("wheel", "--quiet", "--no-deps", "--wheel-dir", place, source)
        run_checked(environment.python.resolve(), "-m", "pip", *words)
        [wheel] = place.iterdir()
        with zipfile.ZipFile(wheel) as archive:
            contents.append({name: archive.read(name) for name in archive.namelist()})
    assert contents[0] == contents[1]
    assert contents[0]["batchmap/py.typed"] == b""


def test_on_dask_the_installed_library_is_what_the_workers_of_a_local_cluster_import(
    installed: Environment, project: Path
) -> None:
    pytest.importorskip("distributed")
    words = ["tasks.py:f", "in.txt", "-q", "-k", "-o", "out.jsonl", "--backend", "dask", "-j", "1"]
    done = installed.run("batchmap", "run", *words, cwd=project)
    assert ended(done) == (0, [])
    results = [line["result"] for line in json_lines(project / "out.jsonl")]
    assert results == [["a", *OWN], ["b", *OWN]]


@pytest.mark.slow
def test_on_dask_the_installed_library_reaches_workers_that_have_none(
    installed: Environment, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("distributed")
    directory = tmp_path_factory.mktemp("cluster")
    without = Environment(directory / "environment", ["cloudpickle", "distributed", "psutil"])
    cluster = Cluster(directory, python=without.python)
    try:
        cluster.add_worker()
        words = ["tasks.py:f", "in.txt", "-q", "-k", "-o", "out.jsonl", "--backend", "dask"]
        done = installed.run("batchmap", "run", *words, "--address", cluster.address, cwd=project)
    finally:
        cluster.end()
    assert ended(done) == (0, [])
    results = [line["result"] for line in json_lines(project / "out.jsonl")]
    assert results == [["a", *OWN], ["b", *OWN]]
