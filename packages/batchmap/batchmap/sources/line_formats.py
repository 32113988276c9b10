r"""Reads lines as items: of text, of JSON, and of a file of failed items.

A line ends at `\n` or `\r\n` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

from batchmap.sources.base import InputRecord, unreadable_record
from batchmap.sources.strict_json import NotJsonError, describe_json_error, whole_json

__all__ = ["failed_items", "json_lines", "text_lines"]


def text_lines(blocks: Iterable[bytes]) -> Iterator[InputRecord | None]:
    """Yield every line, decoded; bytes that are not UTF-8 become lone surrogates.

    `None` comes between two blocks, where more lines may have to be waited for.
    """
    numbers = count(1)
    for lines in _whole_lines(blocks):
        # All three iterators are C code: this is what a line costs, and there may be ten million.
        texts = lines.decode("utf-8", "surrogateescape").split("\n")
        yield from zip(texts, lines.split(b"\n"), numbers, strict=False)
        yield None


def json_lines(blocks: Iterable[bytes]) -> Iterator[InputRecord | None]:
    """Yield the JSON value of every line that is not blank; `None` as `text_lines` does."""
    return _parsed_lines(blocks, lambda value: value)


def failed_items(blocks: Iterable[bytes]) -> Iterator[InputRecord | None]:
    """Yield the items of a file of failures, a JSON object a line; `None` as `text_lines` does."""
    return _parsed_lines(blocks, _failed_item)


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Yield one or more whole lines at a time, joined by `\n`, without the end of the last."""
    held: list[bytes] = []
    for block in blocks:
        end = block.rfind(b"\n")
        if end < 0:
            held.append(block)
            continue
        held.append(block[:end])
        yield _without_returns(b"".join(held))
        held = [block[end + 1 :]] if end + 1 < len(block) else []
    if held:
        yield _without_returns(b"".join(held))


def _without_returns(lines: bytes) -> bytes:
    if b"\r" not in lines:
        return lines
    return lines.replace(b"\r\n", b"\n").removesuffix(b"\r")


def _parsed_lines(
    blocks: Iterable[bytes], item_of: Callable[[Any], Any]
) -> Iterator[InputRecord | None]:
    number = 0
    for lines in _whole_lines(blocks):
        for raw in lines.split(b"\n"):
            number += 1
            try:
                item = item_of(whole_json(raw.decode()))
            except (ValueError, RecursionError) as error:
                if not raw.strip():
                    continue
                item = unreadable_record(*_described(error, raw), raw)
            yield item, raw, number
        yield None


def _failed_item(value: Any) -> Any:
    if not isinstance(value, dict) or "index" not in value or "item" not in value:
        raise NotJsonError('not a failure of a run: an object with "index" and "item" is expected')
    return value["item"]


def _described(error: ValueError | RecursionError, raw: bytes) -> tuple[str, str]:
    if isinstance(error, UnicodeDecodeError):
        message = f"not UTF-8: byte {error.start + 1} of the line is 0x{raw[error.start]:02x}"
        return "UnicodeDecodeError", message
    error_type, message = describe_json_error(error)
    return error_type, f"not JSON: {message}" if error_type == "JSONDecodeError" else message
