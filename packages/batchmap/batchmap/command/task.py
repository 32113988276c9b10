"""The user's function, imported by `file.py:function` or `package.module:function`.

The directory of the file, or the current one for a module, becomes the first that is searched for
modules: what the task imports by name is the user's own.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from batchmap.checkpoint.task_code import TaskCode, code_of
from batchmap.command.start_up import begin_collection
from batchmap.command.task_signature import check_call, check_one_argument, check_set_up_call
from batchmap.errors import BatchmapError, UsageError
from batchmap.resources import EXHAUSTED
from batchmap.scheduling.keyed_starts import LimitPer
from batchmap.scheduling.rate_limiter import Cost
from batchmap.text import near_names
from batchmap.worker.call_shape import PLAIN_CALL, CallShape
from batchmap.worker.processor import is_async
from batchmap.worker.retry_decision import RetryIf
from batchmap.worker.setup import Setup, SetupPer
from batchmap.worker.worker_function import with_setup

__all__ = ["Task", "load_task"]

FORM = "TASK must be file.py:function or package.module:function"


@dataclass(frozen=True, slots=True)
class Task:
    """The user's function of one item, and what tells whether its code has changed."""

    name: str
    """As it was given on the command line."""
    function: Callable[..., Any]
    """A worker makes it ready by its set-up, where there is one."""
    code: TaskCode
    """Of its module, and of the modules beside it that it imports."""
    retry_if: RetryIf | None = None
    """The function of its module that is asked whether an item is tried again."""
    cost: Cost | None = None
    """The function of its module that says what an item counts towards the rate."""
    limit_per: LimitPer | None = None
    """How many items run at once for which functions of its module return the same."""


def load_task(
    name: str,
    *,
    setup: str | None = None,
    setup_per: SetupPer = "worker",
    retry_if: str | None = None,
    cost: str | None = None,
    limit_per: Mapping[str, int] | None = None,
    shape: CallShape = PLAIN_CALL,
) -> Task:
    """Import the function that `name` stands for, which will be called in this shape.

    `setup`, `retry_if`, `cost` and `limit_per` name ones of the same module. `setup` is called
    without arguments, once in each worker or process, before its first item; what it gives is the
    function's second argument. `retry_if` is called with what an item raised, the others with the
    item.
    Raises `UsageError` when one of them cannot be imported, or cannot be called like that.
    """
    module_name, colon, attribute = name.rpartition(":")
    if not (colon and module_name and attribute):
        raise UsageError(f"{FORM}, got {name!r:.100}")
    begin_collection()
    module = _import(module_name)
    function = _function_of(module, attribute, module_name)
    if not shape.takes_generators:
        _refuse_generator(function, f"{attribute} in {module_name}")
    label = f"{attribute}() in {module_name}"
    check_call(function, label, shape, has_setup=setup is not None)
    if setup is not None:
        set_up = _function_of(module, setup, module_name)
        check_set_up_call(set_up, f"--setup {setup}")
        try:
            function = with_setup(function, Setup(set_up, setup_per))
        except (TypeError, ValueError) as error:
            raise UsageError(f"{error}") from error
    asked = _asked(module, retry_if, module_name, "--retry-if", "the error")
    counts = _asked(module, cost, module_name, "--cost", "the item")
    limits: dict[Callable[[Any], Any], int] = {}
    for key, number in (limit_per or {}).items():
        key_of = _asked(module, key, module_name, "--limit-per", "the item")
        assert key_of is not None
        limits[key_of] = number
    return Task(name, function, code_of(module), asked, counts, limits or None)


def _asked(
    module: ModuleType, name: str | None, module_name: str, flag: str, takes: str
) -> Callable[[Any], Any] | None:
    """Return the plain function that `flag` names, which takes one argument."""
    if name is None:
        return None
    function = _function_of(module, name, module_name)
    _refuse_generator(function, f"{name} in {module_name}")
    if is_async(function):
        raise UsageError(f"{flag} {name}: must be a plain function, not an async one")
    check_one_argument(function, f"{flag} {name}", takes)
    return function


def _import(module: str) -> ModuleType:
    is_file = module.endswith(".py") or "/" in module
    try:
        return _import_file(Path(module)) if is_file else _import_by_name(module)
    except BatchmapError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, OSError) and error.errno in EXHAUSTED:
            raise
        raise UsageError(f"{module} cannot be imported: {_in_one_line(error, module)}") from error


def _import_file(path: Path) -> ModuleType:
    if path.is_dir():
        raise UsageError(f"{path} is a directory; name a file in it")
    if not path.is_file():
        near = near_names(path.name, _python_files(path.parent))
        raise UsageError(f"there is no file {path}{near or '; check the path'}")
    path = path.resolve()
    sys.path.insert(0, str(path.parent))
    # A module whose name means another one cannot be imported in workers: it is sent as code.
    is_taken = path.stem in sys.modules or not path.stem.isidentifier() or path.suffix != ".py"
    name = f"task_{path.stem}" if is_taken else path.stem
    module = _load(name, path)
    if is_taken or not _is_found_by_name(name, path):
        import cloudpickle

        cloudpickle.register_pickle_by_value(module)
    return module


def _load(name: str, path: Path) -> ModuleType:
    from importlib.machinery import SourceFileLoader

    loader = SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _is_found_by_name(name: str, path: Path) -> bool:
    found = importlib.machinery.PathFinder.find_spec(name)
    return found is not None and found.origin == str(path)


def _import_by_name(name: str) -> ModuleType:
    directory = str(Path.cwd())
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise
        hint = f"; did you mean {name}.py?" if Path(f"{name}.py").is_file() else ""
        raise UsageError(
            f"there is no module {error.name}{hint or '; check its name, and that it is installed'}"
        ) from error


def _function_of(module: ModuleType, name: str, module_name: str) -> Callable[..., Any]:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            names = [key for key, value in vars(module).items() if callable(value)]
            raise UsageError(f"no function {name!r} in {module_name}{near_names(name, names)}")
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{name} in {module_name} is a {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]


def _refuse_generator(function: Callable[..., Any], label: str) -> None:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UsageError(
            f"{label} is a generator; add --expand, by which each of its results is a row, or have "
            "it return its result"
        )


def _in_one_line(error: BaseException, module: str) -> str:
    """Return the error in one line, with the number of the module's line that it came from."""
    text = f"{type(error).__name__}: {error!s:.200}".replace("\n", " ")
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{text}"
    name = Path(module).name
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).name == name]
    return f"{text} (line {frames[-1].lineno})" if frames else text


def _python_files(directory: Path) -> list[str]:
    try:
        return [path.name for path in directory.glob("*.py")]
    except OSError:
        return []
