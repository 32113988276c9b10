"""Reads the elements of a JSON array as it streams in."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import chain
from typing import Any

from batchmap.errors import InputError
from batchmap.sources.base import InputRecord, unreadable_record
from batchmap.sources.json.outline import JsonOutline
from batchmap.sources.json.strict import JSON_BLANKS, describe_json_error, first_json, whole_json
from batchmap.storage.formats import MAX_RECORD_BYTES

__all__ = ["BrokenJsonError", "elements_after_bracket", "json_elements", "json_texts"]

_AFTER_ELEMENT = re.compile(rf"[{JSON_BLANKS}]*([,\]])[{JSON_BLANKS}]*")


_BEGINS = '{["-0123456789tfn'
"""What a value of JSON begins with."""


class BrokenJsonError(Exception):
    """The input cannot be read on; the message says why."""


def json_elements(
    blocks: Iterable[bytes], name: str, max_bytes: int = MAX_RECORD_BYTES
) -> Iterator[InputRecord | None]:
    """Yield the elements of the array that the whole input is, as `elements_after_bracket` does.

    Raises `InputError` for what is no array.
    """
    texts = json_texts(blocks)
    begin = _next_not_blank(texts)
    if begin and begin[0] not in _BEGINS:
        raise InputError(
            f"{name}: a JSON array is expected and what begins with {begin[0]!r} is no JSON",
            advice="check what the file is; {input_format:text} reads its lines",
        )
    if not begin.startswith("["):
        found = "an object" if begin.startswith("{") else "another value"
        raise InputError(
            f"{name}: a JSON array is expected and {found if begin else 'nothing'} was found; "
            "put [ ] around it, or write one value a line and name it .jsonl"
        )
    return elements_after_bracket(begin[1:], texts, name, max_bytes)


def elements_after_bracket(
    text: str, texts: Iterator[str], name: str, max_bytes: int, *, depth: int = 0
) -> Iterator[InputRecord | None]:
    """Yield the elements of the array whose text goes on with `text` and then `texts`.

    A block of them is in memory. The values are those of `json.loads`. An element that is not JSON,
    that Python cannot hold, or of more than `max_bytes`, is an `UnreadableRecord`, as long as its
    quotes and brackets say where it ends. `None` comes where more may have to be waited for. The
    position of an element is its number. The array lies in `depth` objects. Raises `InputError`
    where the JSON cannot be read on, after the elements before.
    """
    number = 1
    try:
        text = text.lstrip(JSON_BLANKS) or _next_not_blank(texts)
        closed = text.startswith("]")
        at = int(closed)
        while not closed:
            after = None
            try:
                item, end = first_json(text, at)
                if after := _AFTER_ELEMENT.match(text, end):
                    raw = text[at:end].encode()
            except (ValueError, RecursionError):
                after = None  # broken, or not complete yet
            if after is None or len(raw) > max_bytes:
                element = _Element(max_bytes)
                ends_at = element.take(text, at)
                if ends_at is None:
                    yield None
                    text, ends_at = _whole(element, texts)
                item, raw = element.record()
                after = _AFTER_ELEMENT.match(text, ends_at)
                if after is None:
                    raise BrokenJsonError("a bracket is closed that was not opened")
            yield item, raw, number
            number += 1
            at = after.end()
            closed = after[1] == "]"
        _check_end(chain([text[at:]], texts), depth)
    except BrokenJsonError as error:
        raise InputError(
            f"{name} element {number}: the JSON is broken or cut off ({error}); fix the file from "
            "there on"
        ) from error


def json_texts(blocks: Iterable[bytes]) -> Iterator[str]:
    """Yield the blocks as text; a byte that is not UTF-8 becomes a lone surrogate."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for block in blocks:
        if text := decoder.decode(block):
            yield text
    if text := decoder.decode(b"", True):
        yield text


def _next_not_blank(texts: Iterator[str]) -> str:
    return next((text for whole in texts if (text := whole.lstrip(JSON_BLANKS))), "")


def _whole(element: _Element, texts: Iterator[str]) -> tuple[str, int]:
    """Take the rest of an element; return the text that it ends in, and where."""
    for text in texts:
        ends_at = element.take(text, 0)
        if ends_at is not None:
            return text, ends_at
    raise BrokenJsonError(element.why_unended())


def _check_end(texts: Iterable[str], depth: int) -> None:
    """Raise `BrokenJsonError` unless `texts`, after an array, only end the objects around it."""
    outline = JsonOutline(depth - 1)
    is_open = depth > 0
    for text in texts:
        at = 0
        while is_open and (end := outline.end_in(text, at)) is not None:
            at = end + 1
            is_open = text[end] == ","  # another key follows in the outermost object
        if not is_open and text[at:].strip(JSON_BLANKS):
            which = "object that the array is in" if depth else "array"
            raise BrokenJsonError(f"more follows after the {which}")
    if is_open:
        raise BrokenJsonError("the input ends before the object does that the array is in")


class _Element:
    """An element that comes in pieces; one that is too long is cut off, as in `LongLines`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._outline = JsonOutline()
        self._kept: list[bytes] = []
        self._blanks = ""
        self._size = 0
        self._left_out = blake2b(digest_size=16)

    def take(self, text: str, at: int) -> int | None:
        """Add the next piece, from `at` on; return where the element ends, `None` if it goes on."""
        end = self._outline.end_in(text, at)
        piece = text[at:end]
        content = piece.rstrip(JSON_BLANKS)
        if not self._size:
            content = content.lstrip(JSON_BLANKS)
        if content:
            self._add((self._blanks + content).encode("utf-8", "surrogateescape"))
            self._blanks = ""
        if self._size:
            self._blanks += piece[len(piece.rstrip(JSON_BLANKS)) :]
        return end

    def _add(self, raw: bytes) -> None:
        room = max(0, self._max_bytes - self._size)
        self._size += len(raw)
        if len(raw) > room:
            self._left_out.update(raw[room:])
        if room:
            self._kept.append(raw[:room])

    def record(self) -> tuple[Any, bytes]:
        """Return the value and its bytes; an `UnreadableRecord` for what is none."""
        raw = b"".join(self._kept)
        if self._size > self._max_bytes:
            raw += self._left_out.hexdigest().encode()
            error = (
                f"the element has {self._size} bytes, and a record may have {self._max_bytes} "
                "(max_record_bytes)"
            )
            return unreadable_record("ValueError", error, raw), raw
        try:
            return self._value(raw), raw
        except UnicodeDecodeError as error:
            message = f"not UTF-8: byte {error.start + 1} of it is 0x{raw[error.start]:02x}"
            return unreadable_record("UnicodeDecodeError", message, raw), raw
        except (ValueError, RecursionError) as error:
            error_type, message = describe_json_error(error)
            if error_type == "JSONDecodeError":
                message = f"not JSON: {message}"
            return unreadable_record(error_type, message, raw), raw

    def _value(self, raw: bytes) -> Any:
        return whole_json(raw.decode())

    def why_unended(self) -> str:
        """Return what is wrong with an element that does not end before the input does."""
        raw = b"".join(self._kept)
        try:
            if raw and self._size <= self._max_bytes:
                self._value(raw)
        except (ValueError, RecursionError) as error:
            if not isinstance(error, UnicodeDecodeError):
                return describe_json_error(error)[1]
        return "the input ends before the array does"
