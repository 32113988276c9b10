r"""Reads lines as items: of text, of JSON, and of a file of failed items.

A line ends at `\n` or `\r\n` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any, cast

from batchmap.lone_surrogates import unescape
from batchmap.records import ItemFailure, UnreadableRecord
from batchmap.sources.base import InputRecord, unreadable_record
from batchmap.sources.json.strict import (
    NotJsonError,
    describe_json_error,
    first_json,
    whole_json,
)
from batchmap.sources.line_blocks import LineBlock, LineFormat, Record, are_utf8, never
from batchmap.sources.opening.long_lines import LongLines
from batchmap.sources.opening.text_encoding import BadText, TextEncoding
from batchmap.storage.formats import MAX_RECORD_BYTES

__all__ = ["failed_items", "json_lines", "nul_texts", "text_lines"]

_SWAPPED = bytes.maketrans(b"\0\n", b"\n\0")

_BLANK_STARTS = tuple(b"\n" + blank for blank in (b"\n", b" ", b"\t", b"\r", b"\v", b"\f"))


class TextLine(LineFormat):
    """Each line is an item, as text; all are UTF-8."""

    def items(self, data: bytes, raws: Sequence[bytes]) -> list[Any]:
        return list(data.decode().split("\n"))


class JsonLine(LineFormat):
    """Each line is a JSON value; none is blank."""

    def items(self, data: bytes, raws: Sequence[bytes]) -> list[Any]:
        try:
            texts = data.decode().split("\n")
        except UnicodeDecodeError:
            return [_parsed(raw, _as_it_is) for raw in raws]
        items = []
        for text, raw in zip(texts, raws, strict=True):
            try:
                item, end = first_json(text)
                if end != len(text):  # blanks, or what is no value
                    item = _parsed(raw, _as_it_is)
            except (ValueError, RecursionError):
                item = _parsed(raw, _as_it_is)
            items.append(item)
        return items


_TEXT_LINE, _JSON_LINE = TextLine(), JsonLine()


def text_lines(
    blocks: Iterable[bytes],
    max_bytes: int = MAX_RECORD_BYTES,
    bad_text: BadText | None = None,
    wants_blocks: Callable[[], bool] = never,
) -> Iterator[Record | None]:
    """Yield every line, decoded; bytes that are not UTF-8 are decoded by `bad_text`.

    One of more than `max_bytes` is an `UnreadableRecord`. `None` comes between two blocks, where
    more lines may have to be waited for. While `wants_blocks` says so, lines come in blocks.
    """
    bad_text = bad_text or BadText(TextEncoding("input", "utf-8"))
    first = 1
    long_lines = LongLines(blocks, max_bytes)
    for lines in _whole_lines(long_lines.blocks()):
        # All three iterators are C code: this is what a line costs, and there may be ten million.
        if wants_blocks() and not long_lines.sizes and are_utf8(lines):
            block = LineBlock(lines, lines.count(b"\n") + 1, first, _TEXT_LINE)
            first += block.number
            yield block
            yield None
            continue
        try:
            texts = lines.decode().split("\n")
        except UnicodeDecodeError:
            texts = bad_text.decoded(lines, first, long_lines.sizes).split("\n")
        records = zip(texts, lines.split(b"\n"), count(first), strict=False)
        first += len(texts)
        if long_lines.sizes:
            yield from (_bounded(long_lines, *record) for record in records)
        else:
            yield from records
        yield None
    bad_text.close()


def nul_texts(
    blocks: Iterable[bytes], max_bytes: int = MAX_RECORD_BYTES
) -> Iterator[InputRecord | None]:
    """Yield every text that ends at a NUL, as of `find -print0`; the rest as `text_lines` does."""
    numbers = count(1)
    # With NULs and newlines in each other's place, texts are lines.
    long_lines = LongLines((block.translate(_SWAPPED) for block in blocks), max_bytes)
    for lines in _whole_lines(long_lines.blocks(), with_returns=True):
        raws = [line.translate(_SWAPPED) for line in lines.split(b"\n")]
        texts = lines.translate(_SWAPPED).decode("utf-8", "surrogateescape").split("\0")
        for record in zip(texts, raws, numbers, strict=False):
            yield _bounded(long_lines, *record) if long_lines.sizes else record
        yield None


def _bounded(long_lines: LongLines, item: Any, raw: bytes, number: int) -> InputRecord:
    if number in long_lines.sizes:
        item = unreadable_record("ValueError", long_lines.error(number), raw, whole=False)
    return item, raw, number


def json_lines(
    blocks: Iterable[bytes],
    max_bytes: int = MAX_RECORD_BYTES,
    wants_blocks: Callable[[], bool] = never,
) -> Iterator[Record | None]:
    """Yield the JSON value of every line that is not blank; the rest as `text_lines` does."""
    return _parsed_lines(blocks, max_bytes, _as_it_is, wants_blocks)


def failed_items(
    blocks: Iterable[bytes], max_bytes: int = MAX_RECORD_BYTES
) -> Iterator[InputRecord | None]:
    """Yield the items of a file of failures, an object a line; the rest as `text_lines` does."""
    records = _parsed_lines(blocks, max_bytes, _failed_item)
    return cast(Iterator[InputRecord | None], records)  # without blocks


def _whole_lines(blocks: Iterable[bytes], *, with_returns: bool = False) -> Iterator[bytes]:
    r"""Yield one or more whole lines at a time, joined by `\n`, without the end of the last."""
    content = bytes if with_returns else _without_returns
    held: list[bytes] = []
    for block in blocks:
        end = block.rfind(b"\n")
        if end < 0:
            held.append(block)
            continue
        held.append(block[:end])
        yield content(b"".join(held))
        held = [block[end + 1 :]] if end + 1 < len(block) else []
    if held:
        yield content(b"".join(held))


def _without_returns(lines: bytes) -> bytes:
    if b"\r" not in lines:
        return lines
    return lines.replace(b"\r\n", b"\n").removesuffix(b"\r")


def _parsed_lines(
    blocks: Iterable[bytes],
    max_bytes: int,
    item_of: Callable[[Any], Any],
    wants_blocks: Callable[[], bool] = never,
) -> Iterator[Record | None]:
    number = 0
    long_lines = LongLines(blocks, max_bytes)
    for lines in _whole_lines(long_lines.blocks()):
        if wants_blocks() and not long_lines.sizes and not _may_have_blank(lines):
            block = LineBlock(lines, lines.count(b"\n") + 1, number + 1, _JSON_LINE)
            number += block.number
            yield block
            yield None
            continue
        for raw in lines.split(b"\n"):
            number += 1
            if number in long_lines.sizes:
                yield _bounded(long_lines, None, raw, number)
                continue
            if (item := _parsed(raw, item_of)) is _BLANK:
                continue
            yield item, raw, number
        yield None


def _may_have_blank(lines: bytes) -> bool:
    """Tell whether some line is blank, perhaps; where it is not, none is."""
    first = lines[:1]
    if not first.strip() or lines.endswith(b"\n"):
        return True
    if lines.count(b"\n" + first) == lines.count(b"\n"):  # all begin with the same, mostly {
        return False
    return any(start in lines for start in _BLANK_STARTS)


_BLANK = object()


def _parsed(raw: bytes, item_of: Callable[[Any], Any]) -> Any:
    """Return the item of a line, an `UnreadableRecord`, or `_BLANK`."""
    try:
        return item_of(whole_json(raw.decode()))
    except (ValueError, RecursionError) as error:
        return unreadable_record(*_described(error, raw), raw) if raw.strip() else _BLANK


def _as_it_is(value: Any) -> Any:
    return value


def _failed_item(value: Any) -> Any:
    if not isinstance(value, dict) or "index" not in value or "item" not in value:
        raise NotJsonError('not a failure of a run: an object with "index" and "item" is expected')
    item = unescape(value["item"])
    if value.get("unreadable") is True and type(item) is str:
        error_type, error = f"{value.get('error_type')}", f"{value.get('error')}"
        return UnreadableRecord(ItemFailure(error_type, error, ""), item)
    if type(item) not in (dict, list):
        return item
    from batchmap.marked_json import NotMarkableError, unmarked  # which few runs need

    try:
        return unmarked(item)
    except NotMarkableError as error:
        raise NotJsonError(f"the item cannot be made again: {error}") from None


def _described(error: ValueError | RecursionError, raw: bytes) -> tuple[str, str]:
    if isinstance(error, UnicodeDecodeError):
        message = f"not UTF-8: byte {error.start + 1} of the line is 0x{raw[error.start]:02x}"
        return "UnicodeDecodeError", message
    error_type, message = describe_json_error(error)
    return error_type, f"not JSON: {message}" if error_type == "JSONDecodeError" else message
