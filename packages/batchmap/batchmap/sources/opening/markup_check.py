"""Refuses HTML and XML where rows or JSON are expected, and JSON where a header of CSV is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from batchmap.errors import InputError

__all__ = ["without_json", "without_markup"]

_MARKS = {b"<!doctype html": "HTML", b"<html": "HTML", b"<?xml": "XML"}

_begins_json = re.compile(rb'\s*(?:\[\s*)?\{\s*"(?:[^"\\]|\\.)*"\s*:').match
_may_begin_json = re.compile(rb"\s*(?:\[\s*)?(?:\{[^:]*)?").fullmatch
_LONGEST_BEGIN = 1 << 10


def without_markup(blocks: Iterable[bytes], name: str, expected: str) -> Iterator[bytes]:
    """Return the blocks; raises `InputError` where they begin as HTML or XML does."""
    rest, start = iter(blocks), b""
    for block in rest:
        start += block
        seen = start.lstrip().lower()
        if seen and not any(mark.startswith(seen) for mark in _MARKS if mark != seen):
            break
    seen = start.lstrip().lower()
    for mark, found in _MARKS.items():
        if seen.startswith(mark):
            raise InputError(
                f"{name}: is {found}, and {expected} is expected",
                advice="it may be an error page of a server; {input_format:text} reads its lines",
            )
    return chain([start] if start else [], rest)


def without_json(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Return the blocks of CSV; raises `InputError` where an object of JSON stands at the top."""
    rest, start = iter(blocks), b""
    for block in rest:
        start += block
        if len(start) > _LONGEST_BEGIN or not _may_begin_json(start):
            break
    if _begins_json(start):
        raise InputError(
            f"{name}: is JSON, and CSV with a header is expected",
            advice="{input_format:json} reads arrays, and objects one a line",
        )
    return chain([start] if start else [], rest)
