"""Reads a file of JSON as what it is: an array, an array under a key, or one value a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import cast

from batchmap.errors import InputError
from batchmap.sources.base import InputRecord
from batchmap.sources.json.array import elements_after_bracket, json_elements, json_texts
from batchmap.sources.json.path import array_at, keys_of, paths_of_arrays
from batchmap.sources.json.strict import JSON_BLANKS, first_json, whole_json
from batchmap.sources.line_formats import json_lines

__all__ = ["json_records"]

_BLANKS = b" \t\r\n"
_LOOKED_AT_BYTES = 1 << 20
"""Whether the input is one value a line is looked for in so many bytes at its start."""


def json_records(
    blocks: Iterable[bytes],
    name: str,
    max_bytes: int,
    *,
    path: str | None = None,
    on_lines: Callable[[], None] = lambda: None,
) -> Iterator[InputRecord | None]:
    """Yield the elements of the array that the input is, or of the one under the keys of `path`.

    Where the input is one JSON value a line, they are the records; `on_lines` is called before.
    Raises `InputError` for another document, with the paths of the arrays in it.
    """
    blocks = iter(blocks)
    if path is not None:
        keys = keys_of(path)
        texts = json_texts(blocks)
        begin = array_at(texts, keys, name, path)
        yield from elements_after_bracket(begin, texts, name, max_bytes, depth=len(keys))
        return
    held = _first_line(blocks)
    if _is_lines(held):
        on_lines()
        lines = json_lines(chain([held], blocks), max_bytes)
        yield from cast(Iterator[InputRecord | None], lines)  # without blocks
        return
    if held.startswith(b"{"):
        held += b"".join(_up_to(_LOOKED_AT_BYTES - len(held), blocks))
        if _are_several(held):
            raise InputError(
                f"{name}: a JSON array is expected, and several values that follow one another "
                "were found",
                advice="write one value a line (jq -c .) and name it .jsonl",
            )
        paths = paths_of_arrays(json_texts(chain([held], blocks)))
        if paths:
            raise InputError(
                f"{name}: a JSON array is expected and an object was found",
                advice=" or ".join(f"{{json_path:{_shown(one)}}}" for one in paths)
                + " reads the array that lies there",
            )
    yield from json_elements(chain([held] if held else [], blocks), name, max_bytes)


def _first_line(blocks: Iterator[bytes]) -> bytes:
    """Take blocks until it is seen what follows the first line; of what may be an array, one."""
    held = b""
    for block in blocks:
        held = (held + block).lstrip(_BLANKS)
        if held.startswith(b"[") or len(held) > _LOOKED_AT_BYTES:
            break
        if held.partition(b"\n")[2].strip(_BLANKS):
            break
    return held


def _is_lines(held: bytes) -> bool:
    """Tell whether the first line is a JSON value, and more follows."""
    first, _, rest = held.partition(b"\n")
    if not (rest := rest.lstrip(_BLANKS)):
        return False
    if first.startswith(b"{") and first.rstrip(_BLANKS).endswith(b"}") and rest.startswith(b"{"):
        return True  # the first one may be a bad one
    try:
        whole_json(first.decode())
    except (ValueError, RecursionError):
        return False
    return True


def _up_to(size: int, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield blocks until they have so many bytes."""
    while size > 0 and (block := next(blocks, b"")):
        size -= len(block)
        yield block


def _are_several(held: bytes) -> bool:
    text = held.decode("utf-8", "replace")
    try:
        _, end = first_json(text, 0)
    except (ValueError, RecursionError):
        return False
    return bool(text[end:].strip(JSON_BLANKS))


def _shown(path: str) -> str:
    return path.replace("{", "(").replace("}", ")")[:100]
