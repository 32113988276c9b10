"""Reads the elements of a JSON array as it streams in."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from batchmap.errors import InputError
from batchmap.sources.base import InputRecord, unreadable_record
from batchmap.sources.strict_json import (
    JSON_BLANKS,
    NotJsonError,
    describe_json_error,
    first_json,
    whole_json,
)

__all__ = ["MAX_ELEMENT_CHARACTERS", "json_elements"]

MAX_ELEMENT_CHARACTERS = 1 << 24
"""A longer element is an error of the input: most likely a quote is not closed."""

_AFTER_ELEMENT = re.compile(rf"[{JSON_BLANKS}]*([,\]])[{JSON_BLANKS}]*")
_BETWEEN_ELEMENTS = re.compile(r'["\[\]{},]')
_IN_ELEMENT = re.compile(r'["\[\]{}]')
_IN_STRING = re.compile(r'\\.|"', re.DOTALL)


class _BrokenError(Exception):
    """The array cannot be read on; the message says why and what to do."""


def json_elements(blocks: Iterable[bytes], name: str) -> Iterator[InputRecord | None]:
    """Yield the elements of the array that the whole input is; a block of them is in memory.

    The values are those of `json.loads`. An element that is nested too deeply, or has a number of
    too many digits, is an `UnreadableRecord`. `None` comes where more may have to be waited for.
    The position of an element is its number. Raises `InputError` where the JSON is broken or cut
    off, after the elements before, and at an element of more than `MAX_ELEMENT_CHARACTERS` that a
    block does not hold.
    """
    texts = _texts(blocks)
    number = 1
    try:
        text = _after_bracket(texts, name)
        closed = text.startswith("]")
        at = int(closed)
        while not closed:
            after = None
            try:
                item, end = first_json(text, at)
                after = _AFTER_ELEMENT.match(text, end)
            except (ValueError, RecursionError):
                pass  # broken, or not complete yet
            if after is None:
                yield None
                element, text = _whole_element(text[at:], texts)
                item, raw = _parsed(element)
                after = _AFTER_ELEMENT.match(text)
                if after is None:
                    raise _BrokenError(_broken("a bracket is closed that was not opened"))
            else:
                raw = text[at:end].encode()
            yield item, raw, number
            number += 1
            at = after.end()
            closed = after[1] == "]"
        if any(rest.strip(JSON_BLANKS) for rest in chain([text[at:]], texts)):
            raise _BrokenError(_broken("more follows after the array"))
    except UnicodeDecodeError as error:
        why = f"not UTF-8: byte 0x{error.object[error.start]:02x}, {error.reason}"
        raise InputError(f"{name} element {number}: {_broken(why)}") from error
    except _BrokenError as error:
        raise InputError(f"{name} element {number}: {error}") from error


def _texts(blocks: Iterable[bytes]) -> Iterator[str]:
    """Yield the blocks as text; raises `UnicodeDecodeError` after the text before a wrong byte."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for block, is_last in chain(((block, False) for block in blocks), [(b"", True)]):
        try:
            text = decoder.decode(block, is_last)
        except UnicodeDecodeError as error:
            yield error.object[: error.start].decode()
            raise
        if text:
            yield text


def _after_bracket(texts: Iterator[str], name: str) -> str:
    """Return what follows the bracket and blanks that begin an array, as far as it has come."""
    begin = _next_not_blank(texts)
    if not begin.startswith("["):
        found = "an object" if begin.startswith("{") else "another value"
        raise InputError(
            f"{name}: a JSON array is expected and {found if begin else 'nothing'} was found; "
            "put [ ] around it, or write one value a line and name it .jsonl"
        )
    return begin[1:].lstrip(JSON_BLANKS) or _next_not_blank(texts)


def _next_not_blank(texts: Iterator[str]) -> str:
    return next((text for whole in texts if (text := whole.lstrip(JSON_BLANKS))), "")


def _whole_element(begin: str, texts: Iterator[str]) -> tuple[str, str]:
    """Return the element at the start of `begin`, stripped, and the text that follows so far."""
    outline = _Outline()
    held: list[str] = []
    held_characters = 0
    text = begin
    while (end := outline.end_in(text)) is None:
        if held or (text := text.lstrip(JSON_BLANKS)):
            held.append(text)
        held_characters += len(text)
        is_over = held_characters > MAX_ELEMENT_CHARACTERS
        more = None if is_over else next(texts, None)
        if more is None:
            raise _BrokenError(_unended("".join(held), is_over=is_over))
        text = more
    return "".join([*held, text[:end]]).strip(JSON_BLANKS), text[end:]


class _Outline:
    """The quotes and brackets of an element that comes in pieces, which say where it ends.

    Each piece is scanned once; parsing again with each piece would take quadratic time.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._is_escaped = False

    def end_in(self, text: str) -> int | None:
        """Return where the element ends in the next piece, `None` when it goes on."""
        at = int(self._is_escaped)
        while found := self._pattern().search(text, at):
            at = found.end()
            mark = found[0]
            if mark == '"':
                self._in_string = not self._in_string
            elif mark in "[{":
                self._depth += 1
            elif self._in_string:
                pass
            elif self._depth:
                self._depth -= 1
            else:
                return found.start()
        self._is_escaped = self._in_string and text.endswith("\\", at)
        return None

    def _pattern(self) -> re.Pattern[str]:
        if self._in_string:
            return _IN_STRING
        return _IN_ELEMENT if self._depth else _BETWEEN_ELEMENTS


def _parsed(element: str) -> tuple[Any, bytes]:
    """Return the value and its bytes; an `UnreadableRecord` for JSON that Python cannot hold."""
    raw = element.encode()
    try:
        return whole_json(element), raw
    except (json.JSONDecodeError, NotJsonError) as error:
        raise _BrokenError(_broken(describe_json_error(error)[1])) from error
    except (ValueError, RecursionError) as error:
        return unreadable_record(*describe_json_error(error), raw), raw


def _unended(element: str, *, is_over: bool) -> str:
    """Return what is wrong with an element that does not end."""
    why = "the input ends before the array does"
    try:
        if element:
            whole_json(element)
    except (ValueError, RecursionError) as error:
        why = describe_json_error(error)[1]
    if not is_over:
        return _broken(why)
    return (
        f"the text from here on is over {MAX_ELEMENT_CHARACTERS >> 20} MiB or broken ({why}); "
        "fix it, or write one value a line and name it .jsonl"
    )


def _broken(why: str) -> str:
    return f"the JSON is broken or cut off ({why}); fix the file"
