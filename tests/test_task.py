"""A user's function, by its name: found where it is, or refused with the way out."""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from batchmap import parallel_map
from batchmap.command.task import load_task
from batchmap.errors import UsageError, WorkersLostError

GOOD = """
import neighbour

def fetch(item):
    return neighbour.double(item)

async def fetch_async(item):
    return item

def two(one, other):
    return one

def several(item):
    yield item

class Kept:
    @staticmethod
    def method(item):
        return item

number = 3
ready = []

def prepare():
    ready.append(1)

def prepared(item):
    return len(ready)

def several_ready():
    yield 3

def break_down():
    raise OSError("no licence")

async def prepare_async():
    pass
"""


@pytest.fixture(autouse=True)
def _clean_imports(tmp_path: Path) -> Iterator[None]:
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("def double(item):\n    return item * 2\n")
    path = tmp_path / "some_tasks.py"
    path.write_text(GOOD)
    return path


def test_a_function_of_a_file_anywhere_is_found_and_its_neighbours_too(file: Path) -> None:
    assert load_task(f"{file}:fetch").function(4) == 8


def test_a_function_of_a_module_is_found() -> None:
    assert load_task("os.path:basename").function("a/b") == "b"


def test_a_built_in_function_of_a_module_without_a_file_is_found() -> None:
    task = load_task("builtins:len")
    assert task.function("four") == 4
    assert task.code == {"builtins": {"": "builtins"}}


def test_a_method_of_a_class_is_found(file: Path) -> None:
    assert load_task(f"{file}:Kept.method").function(4) == 4


def test_a_file_whose_name_is_taken_is_loaded_all_the_same(file: Path) -> None:
    taken = file.with_name("json.py")
    taken.write_text("def f(item):\n    return 'theirs'\n")
    function = load_task(f"{taken}:f").function
    assert function(0) == "theirs"
    data = cloudpickle.dumps(function)
    del sys.modules["task_json"]
    assert pickle.loads(data)(0) == "theirs"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fetch", "TASK must be file.py:function or package.module:function, got 'fetch'"),
        ("{file}:", "TASK must be"),
        ("{file}:fetc", "no function 'fetc' in {file}; did you mean fetch?"),
        ("{file}:number", "number in {file} is a int, not a function"),
        ("{file}:two", "two() in {file} must take one argument, the item: missing a required"),
        ("{file}:several", "several in {file} is a generator; add --expand, by which"),
        (
            "{dir}/some_task.py:f",
            "there is no file {dir}/some_task.py; did you mean some_tasks.py?",
        ),
        ("{dir}:f", "{dir} is a directory; name a file in it"),
        ("nosuchmodule:f", "there is no module nosuchmodule; check its name"),
        ("os.nosuch:f", "there is no module os.nosuch"),
    ],
)
def test_what_cannot_be_had_is_refused(name: str, message: str, file: Path) -> None:
    values = {"file": str(file), "dir": str(file.parent)}
    with pytest.raises(UsageError) as caught:
        load_task(name.format(**values))
    assert message.format(**values) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nosuchthing\n", "ModuleNotFoundError: No module named 'nosuchthing' (line 1)"),
        ("x = 1\n1/0\n", "ZeroDivisionError: division by zero (line 2)"),
        ("def f(:\n", "SyntaxError: invalid syntax"),
        ("import sys; sys.exit(3)\n", "SystemExit: 3"),
    ],
)
def test_what_fails_at_import_says_where(source: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(UsageError) as caught:
        load_task(f"{path}:f")
    assert f"{path} cannot be imported: {message}" in str(caught.value)


@pytest.mark.parametrize("backend", ["sequential", "thread", "process"])
def test_the_set_up_runs_once_in_each_worker(backend: str, file: Path) -> None:
    task = load_task(f"{file}:prepared", setup="prepare")
    counts: list[int] = parallel_map(task.function, range(100), backend=backend, workers=2)
    most = 2 if backend == "thread" else 1
    assert 1 <= min(counts) <= max(counts) <= most


@pytest.mark.parametrize("backend", ["sequential", "thread", "process", "auto"])
def test_a_set_up_that_fails_ends_the_run(backend: str, file: Path) -> None:
    task = load_task(f"{file}:prepared", setup="break_down")
    with pytest.raises(WorkersLostError, match=r"^setup break_down failed in a worker: OSError"):
        parallel_map(task.function, range(100), backend=backend, workers=2)


def test_the_set_up_of_a_coroutine_runs_before_it(file: Path) -> None:
    function: Any = load_task(f"{file}:fetch_async", setup="prepare").function
    assert parallel_map(function, range(10)) == list(range(10))
    assert len(sys.modules["some_tasks"].ready) == 1


@pytest.mark.parametrize(
    ("setup", "message"),
    [
        ("prepar", "no function 'prepar' in {file}; did you mean prepare?"),
        ("fetch", "--setup fetch must take no argument: missing a required argument: 'item'"),
    ],
)
def test_a_set_up_that_cannot_be_called_is_refused(setup: str, message: str, file: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_task(f"{file}:fetch", setup=setup)
    assert message.format(file=file) in str(caught.value)


def test_an_async_set_up_is_for_one_worker_alone(file: Path) -> None:
    assert load_task(f"{file}:fetch", setup="prepare_async").function(4) == 8
    with pytest.raises(UsageError, match="setup prepare_async is async, and what it makes belongs"):
        load_task(f"{file}:fetch", setup="prepare_async", setup_per="process")


def test_what_a_set_up_gives_is_the_second_argument(file: Path) -> None:
    assert load_task(f"{file}:two", setup="several_ready").function(4) == 4
    with pytest.raises(UsageError, match="must take one argument, the item: missing a req"):
        load_task(f"{file}:two")


def test_the_code_is_that_of_the_syntax_tree(file: Path) -> None:
    before = load_task(f"{file}:fetch").code
    for more, is_same in (("\n# a comment\n", True), ("\nLIMIT = 3\n", False)):
        del sys.modules["some_tasks"]
        file.write_text(GOOD + more)
        assert (load_task(f"{file}:fetch").code == before) is is_same


def test_a_task_that_cannot_be_imported_in_the_workers_ends_the_run(tmp_path: Path) -> None:
    path = tmp_path / "only_here.py"
    path.write_text(
        "import os\n"
        f"if os.getpid() != {os.getpid()}:\n"
        "    raise RuntimeError('no display')\n"
        "def f(item):\n    return item\n"
    )
    function = load_task(f"{path}:f").function
    hold = threading.Event()
    threading.Thread(target=hold.wait, daemon=True).start()  # so that nothing is forked from here
    try:
        with pytest.raises(WorkersLostError, match="RuntimeError: no display"):
            parallel_map(function, range(100), backend="process", workers=2)
    finally:
        hold.set()
