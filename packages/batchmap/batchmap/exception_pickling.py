"""Pickles exceptions with what belongs to them: cause, context, notes, the members of a group.

Python's own pickling drops causes and contexts, and fails for an exception whose `__init__` takes
other arguments than `args` holds. Whatever cannot be pickled is left out: an exception as a whole,
or the cause or context of one.
"""

from __future__ import annotations

import io
import pickle
import sys
from contextlib import suppress
from types import FrameType, FunctionType
from typing import Any

from batchmap.unpickling import found_in, loads

__all__ = ["pickled_exception", "unpickled_exception", "without_frames"]

MAX_BYTES = 256 * 1024
"""An exception that takes more bytes is not sent."""

MAX_DEPTH = 20
"""How many causes and contexts of one another are sent at most."""


def pickled_exception(error: BaseException) -> bytes | None:
    """Return `error` pickled, `None` where that is impossible or takes too much; never raises."""
    return _pickled(error, set(), 0)


def unpickled_exception(data: bytes) -> BaseException | None:
    """Return the exception, `None` where it does not come back as what it was; never raises."""
    try:
        name, error = loads(data)
        return error if isinstance(error, BaseException) and _name(type(error)) == name else None
    except BaseException:
        return None


def without_frames(error: BaseException | None) -> None:
    """Drop the tracebacks of `error`, of its causes and of its members, in place.

    They keep all alive that the functions in them had in their variables. A context that the caller
    is handling, further out in this thread, keeps its own.
    """
    todo: list[BaseException | None] = [error]
    seen = set()
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        with suppress(BaseException):
            if one is not error and one.__traceback__ and _runs(one.__traceback__.tb_frame):
                continue
            one.__traceback__ = None
            todo += [one.__cause__, one.__context__]
            if isinstance(one, BaseExceptionGroup):
                todo += one.exceptions


def _runs(frame: FrameType) -> bool:
    """Tell whether a frame is among those that called this function."""
    caller: FrameType | None = sys._getframe()
    while caller is not None and caller is not frame:
        caller = caller.f_back
    return caller is not None


def _pickled(error: BaseException, seen: set[int], depth: int) -> bytes | None:
    if id(error) in seen or depth > MAX_DEPTH:
        return None
    buffer = io.BytesIO()
    try:
        _ExceptionPickler(buffer, seen | {id(error)}, depth).dump((_name(type(error)), error))
    except BaseException:
        return None
    return buffer.getvalue() if buffer.tell() <= MAX_BYTES else None


class _ExceptionPickler(pickle.Pickler):
    """Adds cause and context to exceptions, and sends classes of the script by their names."""

    def __init__(self, buffer: io.BytesIO, seen: set[int], depth: int) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self._seen = seen
        self._depth = depth

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, type):
            return _reduced_class(value)
        if isinstance(value, BaseException):
            return self._reduced_exception(value)
        return NotImplemented

    def _reduced_exception(self, error: BaseException) -> Any:
        reduced = error.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 3:
            return NotImplemented
        make, arguments = reduced[:2]
        state = reduced[2] if len(reduced) == 3 else None
        cls = type(error)
        if make is cls and _is_made_in_python(cls):
            make, arguments = _remade, (cls, arguments)
        seen = self._seen | {id(error)}
        links = tuple(
            None if linked is None else _pickled(linked, seen, self._depth + 1)
            for linked in (error.__cause__, error.__context__)
        )
        state = state, *links, error.__suppress_context__
        return make, arguments, state, None, None, _set_state


def _is_made_in_python(cls: type) -> bool:
    """Tell whether a class has an `__init__` of its own, and leaves its pickling to Python."""
    own = [getattr(cls, name) for name in ("__init__", "__reduce__", "__reduce_ex__")]
    return [isinstance(method, FunctionType) for method in own] == [True, False, False]


def _remade(cls: type[BaseException], arguments: tuple[Any, ...]) -> BaseException:
    """Return an exception as it was, without its own `__init__`: its arguments are not known."""
    built_in: Any = next(base for base in cls.__mro__ if base.__module__ == "builtins")
    error: BaseException = built_in.__new__(cls, *arguments)
    built_in.__init__(error, *arguments)
    return error


def _set_state(error: BaseException, state: tuple[Any, ...]) -> None:
    own, cause, context, suppresses_context = state
    if own is not None:
        error.__setstate__(own)
    if cause is not None:
        error.__cause__ = unpickled_exception(cause)
    if context is not None:
        error.__context__ = unpickled_exception(context)
    error.__suppress_context__ = suppresses_context


def _name(cls: type) -> tuple[str, str]:
    module = "__main__" if cls.__module__ == "__mp_main__" else cls.__module__
    return module, cls.__name__


def _reduced_class(cls: type) -> Any:
    """Reduce a class that cannot be imported, one of the script or a local one, to its names."""
    found: Any = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is cls and cls.__module__ != "__mp_main__":
        return NotImplemented
    return _class_named, (
        _name(cls)[0],
        cls.__qualname__,
        _tracked("_DYNAMIC_CLASS_TRACKER_BY_CLASS").get(cls),
    )


def _class_named(module: str, qualname: str, number: str | None) -> Any:
    found: Any = _tracked("_DYNAMIC_CLASS_TRACKER_BY_ID").get(number) if number else None
    if found is None:
        found = found_in(module, qualname)
    return found


def _tracked(name: str) -> Any:
    """Return cloudpickle's table of the classes that it has sent, by class or by number."""
    import cloudpickle

    return getattr(cloudpickle.cloudpickle, name, {})
