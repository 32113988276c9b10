"""Refuses HTML and XML where rows or JSON are expected, such as the page of a server's error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from batchmap.errors import InputError

__all__ = ["without_markup"]

_MARKS = {b"<!doctype html": "HTML", b"<html": "HTML", b"<?xml": "XML"}


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
