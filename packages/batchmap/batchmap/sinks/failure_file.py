"""Writes the file of the items that failed, one JSON object a line."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, BinaryIO

from batchmap.records import ItemFailure, UnreadableRecord
from batchmap.sinks.output_errors import output_errors, real_path
from batchmap.sinks.values.json_encoding import item_text, text_of
from batchmap.storage import (
    Location,
    Store,
    StoreUrl,
    draft_path,
    replacing,
    sync_directory,
)
from batchmap.worker.failures import UnwritableFailure

__all__ = ["failure_line", "renumbered_failure", "update_errors", "write_errors"]


def failure_line(
    index: int, item: Any, failure: ItemFailure, attempts: int, duration_s: float, place: str
) -> str:
    """Return one failed item as a JSON object in one line, without the line's end.

    Of an item that JSON cannot hold, the types are marked (`marked_json`); in place of one whose
    record could not be read stands the text of that record, and `"unreadable": true` says so. A
    result that could not be written is in `"result"`, marked, or as text in `"result_repr"`.
    `place` says where the item stands in the input.
    """
    is_unreadable = isinstance(item, UnreadableRecord)
    fields = {
        "index": str(index),
        "item": text_of(item.text) if is_unreadable else item_text(item),
        "error_type": text_of(failure.error_type),
        "error": text_of(failure.error),
        "traceback": text_of(failure.traceback),
        "attempts": str(attempts),
        "duration_s": repr(float(duration_s)) if math.isfinite(duration_s) else "null",
    }
    parts = [f'"{key}": {text}' for key, text in fields.items()]
    if is_unreadable:
        parts.append('"unreadable": true')
    if isinstance(failure, UnwritableFailure) and failure.kept:
        parts.append(failure.kept)
    return "{" + ", ".join([*parts, f'"place": {text_of(place)}']) + "}"


def renumbered_failure(line: str, index: int, place: str) -> str:
    """Return the line of a failed item that has another index and place now."""
    between = line[line.index(",") : line.rindex(', "place": ')]
    return f'{{"index": {index}{between}, "place": {text_of(place)}}}'


def update_errors(location: Location, lines: Callable[[], Iterable[str]]) -> None:
    """Write the file of failed items, as `write_errors` does, unless it is that already.

    `lines` gives them anew each time that it is called.
    """
    if isinstance(location, StoreUrl) or not _holds(location, lines()):
        write_errors(location, lines())
        return
    with output_errors(location):  # a run that was killed may have left what it had just begun
        target = real_path(location)
        draft_path(target, target.parent).unlink(missing_ok=True)


def _holds(path: Path, lines: Iterable[str]) -> bool:
    """Tell whether a file holds these lines and no others; without lines, whether it is missing."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            both = zip_longest(file, lines)
            here, line = next(both, (None, None))
            return here is not None and all(
                here == f"{line}\n" for here, line in chain([(here, line)], both)
            )
    except FileNotFoundError:
        return next(iter(lines), None) is None
    except (OSError, ValueError):
        return False


def write_errors(location: Location, lines: Iterable[str]) -> int:
    """Write the file of failed items whole or not at all, durably; return its number of lines.

    Without lines the file is removed. A link is followed; what is no regular file (`/dev/stderr`,
    a pipe) is written to, not replaced. Raises `OutputError` when it cannot be written.
    """
    with output_errors(location):
        if isinstance(location, StoreUrl):
            return _write_to_store(Store(location), lines)
        return _write_here(location, lines)


def _write_to_store(store: Store, lines: Iterable[str]) -> int:
    left = iter(lines)
    first = next(left, None)
    if first is None:
        store.remove([store.path])
        return 0
    with store.draft_of(store.path) as file:
        return _write_lines(file, chain([first], left))


def _write_here(path: Path, lines: Iterable[str]) -> int:
    target = real_path(path)
    draft = draft_path(target, target.parent)
    is_stream = target.exists() and not target.is_file() and not target.is_dir()
    left = iter(lines)
    first = next(left, None)
    if first is None:
        draft.unlink(missing_ok=True)
        if target.is_file():
            target.unlink()
            sync_directory(target.parent)
        return 0
    with target.open("ab") if is_stream else replacing(target, draft) as file:
        return _write_lines(file, chain([first], left))


def _write_lines(file: BinaryIO, lines: Iterable[str]) -> int:
    written = 0
    for line in lines:
        file.write(line.removesuffix("\n").encode() + b"\n")
        written += 1
    return written
