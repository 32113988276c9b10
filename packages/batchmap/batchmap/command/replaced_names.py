"""Which names of the standard library a task replaces when it is imported.

The command runs in the process that imports the task. It needs threads, sockets, files and clocks
that are what they say, and a module such as `gevent.monkey` makes them something else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NoReturn

from batchmap.errors import UsageError

__all__ = ["StandardNames", "TaskReplacesNames", "refuse_threads"]

MODULES = (
    "_thread",
    "builtins",
    "queue",
    "select",
    "selectors",
    "socket",
    "threading",
    "time",
)
"""The modules whose names other packages replace, and without which the command cannot do."""

THREADS = {
    "_thread.allocate_lock",
    "_thread.start_new_thread",
    "threading.Lock",
    "threading.Thread",
    "threading.Thread.start",
}
"""Without these no thread can be had, or it is another thing by that name."""


stay_as_they_are = False
"""Whether this process imports no task, for the task is known to replace names."""


class TaskReplacesNames(BaseException):
    """The task cannot be imported into this process, for it replaces `names` in it."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(names)
        self.names = names

    def __str__(self) -> str:
        """Return the first of the names, and how many others there are."""
        return _described(self.names)


class StandardNames:
    """What functions and classes the names of `MODULES` stand for at the moment."""

    def __init__(self) -> None:
        self._before = dict(_functions_and_classes())

    def replaced(self) -> list[str]:
        """Return the names that stand for something else now, threads first."""
        now = dict(_functions_and_classes())
        names = [name for name, value in self._before.items() if now.get(name) is not value]
        return sorted(names, key=lambda name: (name not in THREADS, name))


def refuse_threads(task: str, replaced: list[str], advice: str) -> None:
    """Raise `UsageError` with `advice` when what a task replaces is what threads are made of."""
    if threads := [name for name in replaced if name in THREADS]:
        refuse(task, threads, advice)


def refuse(task: str, replaced: list[str], advice: str) -> NoReturn:
    """Raise `UsageError` with `advice` for a task that replaces these names."""
    raise UsageError(f"{task} replaces {_described(replaced)} when it is imported; {advice}")


def _described(names: list[str]) -> str:
    others = len(names) - 1
    return names[0] + (f" and {others} more" if others else "")


def _functions_and_classes() -> Iterator[tuple[str, Any]]:
    for module_name in MODULES:
        module = sys.modules.get(module_name)
        if not isinstance(module, ModuleType):
            continue
        for name, value in list(vars(module).items()):
            if callable(value) and not name.endswith("hook"):  # hooks are there to be replaced
                yield f"{module_name}.{name}", value
            if isinstance(value, type) and value.__module__ == module_name:
                for inner, method in list(vars(value).items()):
                    if callable(method):
                        yield f"{module_name}.{name}.{inner}", method
