"""The elements of a JSON array, parsed as they stream in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from utils.errors import InputError
from utils.sources._source import InputRecord, bad_record, needed, one_line, value_bytes

__all__ = ["json_elements", "needed_parser"]


def needed_parser() -> Any:
    """Return ijson's parser, or raise a `UsageError` that tells how to get it.

    It is the one in Python: the one in C crashes at a number of 5,000 digits, turns half a
    surrogate pair into `?`, and has either no whole numbers above 64 bits or no floats.
    """
    return needed("ijson.backends.python", "ijson", "reading a JSON array")


def json_elements(blocks: Iterable[bytes], name: str) -> Iterator[InputRecord]:
    """Yield the elements of the array that the whole input is; a block of them is in memory.

    The values are those of `json.loads`. Raises `InputError` where the JSON is broken or cut
    off, after the elements before that place.
    """
    parser = needed_parser()
    json_error = needed("ijson", "ijson", "reading a JSON array").JSONError
    number = 0
    try:
        for element in parser.items(_ArrayFile(blocks, name), "item", use_float=True):
            number += 1
            yield _record(element, number)
    except (json_error, ValueError) as error:
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


class _ArrayFile:
    """The blocks as the file that the parser reads; each block is whole characters."""

    def __init__(self, blocks: Iterable[bytes], name: str) -> None:
        self._blocks = iter(blocks)
        self._name = name
        self._begun = False
        self._held = b""
        self._fault: UnicodeDecodeError | None = None

    def read(self, size: int) -> bytes:
        """Return the next block, whatever its size; nothing at the end, and for a size of 0."""
        if self._fault is not None:
            raise self._fault
        whole = b""
        while size and not whole and (block := next(self._blocks, b"")):
            whole = self._whole_characters(self._held + block)
            if self._fault is not None:
                break
        if size and not self._begun:
            whole = self._beginning(whole)
        return whole

    def _whole_characters(self, text: bytes) -> bytes:
        # The parser would drop all elements of a block that has a bad byte further on.
        self._held = b""
        try:
            text.decode()
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":
                self._held = text[error.start :]
            else:
                self._fault = error
            return text[: error.start]
        return text
