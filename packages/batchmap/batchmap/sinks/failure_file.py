"""The file of the items that failed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from batchmap.records import ItemFailure, UnreadableRecord
from batchmap.sinks.append_file import (
    draft_of,
    draft_path,
    output_errors,
    real_path,
    sync_directory,
)
from batchmap.sinks.json_encoding import fallback_texts, text_of
from batchmap.storage import Location, Store, StoreUrl

__all__ = ["failure_line", "write_errors"]


def failure_line(
    index: int, item: Any, failure: ItemFailure, attempts: int, duration_s: float, place: str
) -> str:
    """Return one failed item as a JSON object in one line, without the line's end.

    An item that has no form in JSON is put in as its text, at most 8 KB; one whose record could
    not be read as that record's text.
    """
    if isinstance(item, UnreadableRecord):
        item = item.text
    words = {
        "index": str(index),
        "item": fallback_texts([item])[0],
        "error_type": text_of(failure.error_type),
        "error": text_of(failure.error),
        "traceback": text_of(failure.traceback),
        "attempts": str(attempts),
        "duration_s": repr(float(duration_s)) if math.isfinite(duration_s) else "null",
        "place": text_of(place),
    }
    return "{" + ", ".join(f'"{key}": {word}' for key, word in words.items()) + "}"


def write_errors(place: Location, lines: Iterable[str]) -> int:
    """Write the errors file whole or not at all, durably; return how many lines it has.

    Without lines there is none afterwards. A link is followed; what is no regular file
    (`/dev/stderr`, a pipe) is written to, not replaced. Raises `OutputError` when it cannot be.
    """
    with output_errors(place):
        if isinstance(place, StoreUrl):
            return _write_to_store(Store(place), lines)
        return _write_here(place, lines)


def _write_to_store(store: Store, lines: Iterable[str]) -> int:
    walk = iter(lines)
    first = next(walk, None)
    if first is None:
        store.remove([store.path])
        return 0
    with store.draft_of(store.path) as file:
        return _write_lines(file, chain([first], walk))


def _write_here(path: Path, lines: Iterable[str]) -> int:
    target = real_path(path)
    stream = target.exists() and not target.is_file() and not target.is_dir()
    walk = iter(lines)
    first = next(walk, None)
    if first is None:
        draft_path(target, target.parent).unlink(missing_ok=True)
        if target.is_file():
            target.unlink()
            sync_directory(target.parent)
        return 0
    with target.open("ab") if stream else draft_of(target, target.parent) as file:
        return _write_lines(file, chain([first], walk))


def _write_lines(file: BinaryIO, lines: Iterable[str]) -> int:
    written = 0
    for line in lines:
        file.write(line.removesuffix("\n").encode() + b"\n")
        written += 1
    return written
