"""Checks what options say about retries together."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from batchmap.options.reader import OptionReader

__all__ = ["check_retry_if", "check_retrying", "problem_of_function"]


def check_retrying(reader: OptionReader, values: Mapping[str, Any], retry_if: Any) -> None:
    """Report what says how to retry beside `retries` that are 0."""
    if values["retries"] != 0:
        return
    given = {"retry_if": retry_if, "retry_for": values["retry_for"]}
    for name in [name for name, value in given.items() if value is not None]:
        reader.error(
            f"{reader.label(name)} is about retries and {reader.label('retries')} 0 allows none; "
            f"leave {reader.label('retries')} out"
        )


def check_retry_if(reader: OptionReader, retry_if: Any) -> None:
    """Report a `retry_if` that is no plain function of one error."""
    if retry_if is not None and (problem := problem_of_function(retry_if)):
        reader.error(f"retry_if must be a function that takes the error, {problem}")


def problem_of_function(given: Any) -> str:
    """Return why this is no plain function of one argument, in words; empty where it is."""
    if not callable(given):
        return f"got {given!r:.60}"
    by_class = getattr(type(given), "__call__", None)  # noqa: B004  # looked at, not called
    if inspect.iscoroutinefunction(given) or inspect.iscoroutinefunction(by_class):
        return "and a plain one, not an async one"
    if isinstance(given, type) and issubclass(given, BaseException):
        return f"got the class {given.__name__}; give lambda error: isinstance(error, it)"
    try:
        inspect.signature(given).bind(None)
    except TypeError as error:
        return f"and this one does not: {error}"
    except ValueError:  # some built-in functions have no signature
        pass
    return ""
