"""Parses JSON as the standard defines it: what `json.loads` reads, except NaN and Infinity."""

from __future__ import annotations

import json
from typing import Any, NoReturn

__all__ = ["JSON_BLANKS", "NotJsonError", "describe_json_error", "first_json", "whole_json"]

JSON_BLANKS = " \t\r\n"


class NotJsonError(ValueError):
    """A value that is not what is expected; the message says why."""


def _refuse_constant(name: str) -> NoReturn:
    raise NotJsonError(f"{name} is not JSON; write null or text instead")


first_json = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode
"""Return the value that starts at an offset of a text, and the offset of its end.

Raises the errors that `describe_json_error` takes.
"""


def whole_json(text: str) -> Any:
    """Return the value that a text is, with or without blanks around it.

    Raises the errors that `describe_json_error` takes.
    """
    value, end = first_json(text, len(text) - len(text.lstrip(JSON_BLANKS)))
    if end != len(text) and text[end:].strip(JSON_BLANKS):
        raise json.JSONDecodeError("more follows after the value", text, end)
    return value


def describe_json_error(error: ValueError | RecursionError) -> tuple[str, str]:
    """Return the name of the error that parsing JSON raised, and what is wrong."""
    if isinstance(error, json.JSONDecodeError):
        return "JSONDecodeError", f"{error.msg.removesuffix(' at')} at character {error.pos + 1}"
    if isinstance(error, RecursionError):
        return "RecursionError", "brackets are nested too deeply"
    if isinstance(error, NotJsonError):
        return "ValueError", str(error)
    return "ValueError", "a whole number has too many digits; write it as text"
