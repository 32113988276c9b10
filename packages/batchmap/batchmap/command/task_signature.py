"""Whether a function can be called as it will be, found out before any input is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from batchmap.errors import UsageError
from batchmap.text import near_names
from batchmap.worker.call_shape import CallShape

__all__ = ["check_call", "check_one_argument", "check_set_up_call"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)


def check_call(
    function: Callable[..., Any], label: str, shape: CallShape, *, has_setup: bool
) -> None:
    """Raise `UsageError` where `function`, called `label`, cannot be called in this shape.

    What an item is spread over is known with the item only. With `has_setup`, there may be a second
    argument.
    """
    signature = _signature(function)
    if signature is None:
        return
    parameters = signature.parameters
    if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        names = [name for name, one in parameters.items() if one.kind not in _POSITIONAL]
        for name in shape.keywords:
            if name not in names:
                flag = "--index" if name == "index" and shape.index else f"--arg {name}"
                near = near_names(name, names) or "; add it to the function's parameters"
                raise UsageError(f"{flag}: {label} has no parameter {name!r}{near}")
    keywords = dict.fromkeys(shape.keywords)
    try:
        if shape.star:
            signature.bind_partial(**keywords)
        else:
            signature.bind(None, **keywords)
    except TypeError as error:
        if has_setup and not shape.star and _takes(signature, None, None, **keywords):
            return
        two = ", or two, what the set-up gives being the second" if has_setup else ""
        beside = f", and the keywords {', '.join(keywords)}" if keywords else ""
        raise UsageError(
            f"{label} must take one argument, the item{two}{beside}: {error}"
        ) from error


def _takes(signature: inspect.Signature, *arguments: Any, **keywords: Any) -> bool:
    try:
        signature.bind(*arguments, **keywords)
    except TypeError:
        return False
    return True


def check_set_up_call(function: Callable[..., Any], label: str) -> None:
    """Raise `UsageError` where the set-up `function` cannot be called without arguments."""
    _check_bind(function, label, "no argument")


def check_one_argument(function: Callable[..., Any], label: str, takes: str) -> None:
    """Raise `UsageError` where `function` cannot be called with one argument, `takes` in words."""
    _check_bind(function, label, f"one argument, {takes}", None)


def _check_bind(function: Callable[..., Any], label: str, takes: str, *arguments: Any) -> None:
    try:
        if (signature := _signature(function)) is not None:
            signature.bind(*arguments)
    except TypeError as error:
        raise UsageError(f"{label} must take {takes}: {error}") from error


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none
        return None
