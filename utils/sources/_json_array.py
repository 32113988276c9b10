"""The elements of a JSON array, parsed as they stream in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from utils.errors import InputError
from utils.sources._source import InputRecord, bad_record, needed, one_line, value_bytes

__all__ = ["json_elements", "needed_ijson"]


def needed_ijson() -> Any:
    """Return the module `ijson`, or raise a `UsageError` that tells how to get it."""
    return needed("ijson", "ijson", "reading a JSON array")


def json_elements(blocks: Iterable[bytes], name: str) -> Iterator[InputRecord]:
    """Yield the elements of the array that the whole input is; a block of them is in memory.

    The values are those of `json.loads`. Raises `InputError` where the JSON is broken or cut
    off, after the elements before that place.
    """
    ijson = needed_ijson()
    number = 0
    try:
        for element in _elements(ijson, _whole_characters(_array_blocks(blocks, name))):
            number += 1
            yield _record(element, number)
    except (ijson.JSONError, ValueError) as error:
        raise InputError(
            f"{name} element {number + 1}: the JSON is broken or cut off "
            f"({one_line(error):.200}); mend the file"
        ) from error


def _record(element: Any, number: int) -> InputRecord:
    try:
        return element, value_bytes(element), number
    except RecursionError:
        # It can be neither shown nor told from others of its kind.
        raw = f"element {number}, nested too deeply to be shown".encode()
        return bad_record("RecursionError", "brackets are nested too deeply", raw), raw, number


def _elements(ijson: Any, blocks: Iterable[bytes]) -> Iterator[Any]:
    # ijson's own `items` takes time by the square of the depth.
    builder: Any = None
    depth = 0
    for event, value in _events(ijson, blocks):
        depth -= event in ("end_array", "end_map")
        if depth == 1 and not event.startswith("end"):
            builder = ijson.ObjectBuilder()
        if depth:
            builder.event(event, value)
        depth += event in ("start_array", "start_map")
        if depth == 1 and builder is not None:
            yield builder.value


def _events(ijson: Any, blocks: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """Yield the parser's events, all of those that come before a fault too."""
    # The parser in C crashes at a number of 5,000 digits, turns half a surrogate pair into `?`,
    # and has either no floats or no whole numbers above 64 bits.
    events = ijson.sendable_list()
    parser = ijson.get_backend("python").basic_parse_coro(events, use_float=True)
    try:
        for block in blocks:
            fault: Exception | None = None
            try:
                parser.send(block)
            except Exception as error:
                fault = error
            yield from events
            events.clear()
            if fault is not None:
                raise fault
        with contextlib.suppress(StopIteration):
            parser.send(b"")
    finally:
        # Left to itself, it would complain about the missing end.
        with contextlib.suppress(Exception):
            parser.close()


def _array_blocks(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield the blocks from the one on that begins an array; raises `InputError` without one."""
    blocks = iter(blocks)
    begin = next((text for block in blocks if (text := block.lstrip())), b"")
    if not begin.startswith(b"["):
        found = "an object" if begin.startswith(b"{") else "another value"
        raise InputError(
            f"{name}: a JSON array is expected and {found if begin else 'nothing'} was found; "
            "put [ ] around it, or write one value a line and name it .jsonl"
        )
    yield begin
    yield from blocks


def _whole_characters(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the blocks cut at characters, and raise `UnicodeDecodeError` right at a bad byte.

    For one further on in a block, the parser would drop all the elements in it.
    """
    held = b""
    for block in blocks:
        text, held, fault = held + block, b"", None
        try:
            text.decode()
        except UnicodeDecodeError as error:
            text, held, fault = text[: error.start], text[error.start :], error
        if text:
            yield text
        if fault is not None and fault.reason != "unexpected end of data":
            raise fault
