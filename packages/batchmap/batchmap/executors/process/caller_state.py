"""What a process has set up before it calls the library, for workers that are no fork of it.

Each part of it travels by itself, so that one that cannot be pickled, or cannot be had in a worker,
costs no other.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import socket
import sys
import time
import types
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from batchmap.executors.pickling import dumps
from batchmap.executors.process.caller_logging import describe_logging, set_up_loggers
from batchmap.executors.process.caller_streams import CallerStream, is_replaced
from batchmap.resources import read_kernel_file

__all__ = ["captured_state", "restore_state"]


_REPLACED = "replaced"
"""Says of a standard stream that the caller has set another one."""


class _Part(NamedTuple):
    """One part of the state."""

    get: Callable[[], Any]
    """Returns it in the caller, `None` where there is nothing to set."""
    put: Callable[[Any], object]
    """Sets it in a worker."""


def captured_state() -> bytes:
    """Return the state of this process and thread, pickled."""
    state = {}
    for name, part in _PARTS.items():
        with suppress(Exception):
            value = part.get()
            if value is not None:
                state[name] = dumps(value)
    return pickle.dumps(state)


def restore_state(state: bytes) -> None:
    """Set up this process, a worker, as the one was that captured the `state`."""
    parts = pickle.loads(state)
    for name, part in _PARTS.items():
        if name in parts:
            with suppress(Exception):
                part.put(pickle.loads(parts[name]))


def _put_environment(values: dict[str, str]) -> None:
    for name in set(os.environ) - set(values):
        del os.environ[name]
    os.environ.update(values)


def _put_time_zone(names: tuple[str, str]) -> None:
    if time.tzname != names:
        time.tzset()


def _put_path(path: list[str]) -> None:
    sys.path[:] = path


def _get_main() -> dict[str, Any]:
    main = sys.modules.get("__main__")
    return {"__file__": getattr(main, "__file__", None)}


def _put_main(values: dict[str, Any]) -> None:
    """Let the script be an empty module: functions of the script are pickled by value."""
    main = types.ModuleType("__main__")
    vars(main).update({name: value for name, value in values.items() if value is not None})
    sys.modules["__main__"] = main


def _get_streams() -> dict[str, Any]:
    """Return how the standard streams write; `None` for one that is not there."""
    return {name: _writing_of(name) for name in ("stdout", "stderr")}


def _writing_of(name: str) -> Any:
    stream = getattr(sys, name)
    if stream is None or is_replaced(name):
        return stream and _REPLACED
    return {
        attribute: getattr(stream, attribute)
        for attribute in ("encoding", "errors", "line_buffering")
    }


def _put_streams(streams: dict[str, Any]) -> None:
    for name, writing in streams.items():
        if writing is None:
            setattr(sys, name, None)
        elif writing == _REPLACED:
            setattr(sys, name, CallerStream(name))
        else:
            getattr(sys, name).reconfigure(**writing)


def _put_warnings(filters: list[Any]) -> None:
    warnings.resetwarnings()
    warnings.filters.extend(filters)  # type: ignore[attr-defined]


def _get_decimal_context() -> Any:
    decimal = sys.modules.get("decimal")
    return decimal and decimal.getcontext()


def _put_decimal_context(context: Any) -> None:
    import decimal

    decimal.setcontext(context)


def _get_numpy_errors() -> Any:
    numpy = sys.modules.get("numpy")
    return numpy and numpy.geterr()


def _put_numpy_errors(errors: dict[str, Any]) -> None:
    import numpy

    numpy.seterr(**errors)


def _get_locale() -> str:
    import _locale

    return str(_locale.setlocale(_locale.LC_ALL, None))


def _put_locale(name: str) -> None:
    import locale

    if _get_locale() != name:
        locale.setlocale(locale.LC_ALL, name)


def _get_limits() -> dict[int, tuple[int, int]]:
    import resource

    names = [name for name in vars(resource) if name.startswith("RLIMIT_")]
    return {number: resource.getrlimit(number) for number in (getattr(resource, n) for n in names)}


def _put_limits(limits: dict[int, tuple[int, int]]) -> None:
    import resource

    for number, limit in limits.items():
        if resource.getrlimit(number) != limit:
            with suppress(ValueError, OSError):  # it may not be raised again
                resource.setrlimit(number, limit)


def _get_umask() -> int | None:
    """Return the umask; to ask the system for it would change it for a moment."""
    for line in read_kernel_file("/proc/self/status").splitlines():
        if line.startswith(b"Umask:"):
            return int(line.split()[1], 8)
    return None


def _get_key() -> bytes:
    """Return the key by which processes of `multiprocessing` know each other, and managers."""
    return bytes(multiprocessing.current_process().authkey)


def _put_key(key: bytes) -> None:
    multiprocessing.current_process().authkey = key


_PARTS = {
    "environment": _Part(lambda: dict(os.environ), _put_environment),
    "time zone": _Part(lambda: time.tzname, _put_time_zone),
    "path": _Part(lambda: [entry for entry in sys.path if type(entry) is str], _put_path),
    "arguments": _Part(lambda: list(sys.argv), lambda value: setattr(sys, "argv", value)),
    "main": _Part(_get_main, _put_main),
    "recursion limit": _Part(sys.getrecursionlimit, sys.setrecursionlimit),
    "integer digits": _Part(sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    "socket time-out": _Part(socket.getdefaulttimeout, socket.setdefaulttimeout),
    "limits": _Part(_get_limits, _put_limits),
    "umask": _Part(_get_umask, os.umask),
    "cores": _Part(
        lambda: os.sched_getaffinity(0),  # not there on macOS
        lambda cores: os.sched_setaffinity(0, cores),
    ),
    "locale": _Part(_get_locale, _put_locale),
    "decimal": _Part(_get_decimal_context, _put_decimal_context),
    "numpy": _Part(_get_numpy_errors, _put_numpy_errors),
    "key": _Part(_get_key, _put_key),
    "start method": _Part(
        lambda: multiprocessing.get_start_method(allow_none=True),
        lambda method: multiprocessing.set_start_method(method, force=True),
    ),
    "streams": _Part(_get_streams, _put_streams),
    "logging": _Part(describe_logging, set_up_loggers),
    "warnings": _Part(lambda: list(warnings.filters), _put_warnings),
}
"""In the order in which they are set: what imports modules comes after the search path."""
