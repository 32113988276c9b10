"""Whose exception it is: an item's, or that of a signal, which interrupts the caller.

While items run in place, in the main thread, Python runs signal handlers in the middle of the
function. What such a handler raises (a Ctrl-C, the exception of an alarm, `SystemExit` at a
termination) comes out of the function as if it were the function's own.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from dis import opname
from functools import partial
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any

try:  # what `signal.getsignal` wraps: a tenth of its time, which each call of the library takes
    from _signal import getsignal  # type: ignore[import-not-found]
except ImportError:
    from signal import getsignal

__all__ = ["SignalHandlers"]

_NAMES = (
    "SIGINT", "SIGTERM", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGVTALRM",
    "SIGPROF", "SIGBREAK",
)  # fmt: skip
_NUMBERS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))

_STANDARD_LIBRARY = str(Path(os.__file__).parent) + os.sep
_INSTALLED = ("site-packages", "dist-packages")


class SignalHandlers:
    """The caller's signal handlers as a call begins, to tell what they raise from item failures.

    Handlers that the function sets later are its own. Unpickled, as in a worker process, there are
    none: what is raised there is always an item's.
    """

    def __init__(self) -> None:
        is_main = threading.current_thread() is threading.main_thread()
        self._handlers = [*map(getsignal, _NUMBERS)] if is_main else []

    def raised(self, error: BaseException) -> bool:
        """Tell whether one of the handlers raised `error`, which has its traceback still.

        That ends the run; all other errors of an item cost that item alone, also those that a call
        of this library inside it raises.

        A `KeyboardInterrupt` without such a handler is a Ctrl-C, unless the function itself has
        raised it by a `raise` statement.
        """
        if not self._handlers or threading.current_thread() is not threading.main_thread():
            return False
        codes = {_code_of(handler) for handler in self._handlers} - {None}
        if any(frame.tb_frame.f_code in codes for frame in _frames(error.__traceback__)):
            return True
        return (
            isinstance(error, KeyboardInterrupt)
            and self._handlers[0] is signal.default_int_handler
            and _is_ctrl_c(error)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _no_handlers, ()


def _no_handlers() -> SignalHandlers:
    handlers = SignalHandlers.__new__(SignalHandlers)
    handlers._handlers = []
    return handlers


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _code_of(handler: Any) -> CodeType | None:
    """Return the code of a handler that is written in Python, `None` for any other."""
    while isinstance(handler, partial):
        handler = handler.func
    if not hasattr(handler, "__code__"):  # an object that can be called
        handler = getattr(type(handler), "__call__", None)  # noqa: B004  # looked at, not called
    code = getattr(handler, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _is_ctrl_c(error: BaseException | None) -> bool:
    """Tell whether a `KeyboardInterrupt` comes from the interpreter, or from a library for one."""
    seen: set[int] = set()
    while isinstance(error, KeyboardInterrupt) and id(error) not in seen:
        seen.add(id(error))
        last = deque(_frames(error.__traceback__), maxlen=1)
        if not last:
            return False
        code = last[0].tb_frame.f_code
        if opname[code.co_code[last[0].tb_lasti]] != "RAISE_VARARGS" or _is_standard(
            code.co_filename
        ):
            return True
        error = error.__context__
    return False


def _is_standard(filename: str) -> bool:
    return filename.startswith(_STANDARD_LIBRARY) and not any(
        part in filename for part in _INSTALLED
    )
