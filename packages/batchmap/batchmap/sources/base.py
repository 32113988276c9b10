"""What every source promises: records one by one, each with its bytes and its position."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from batchmap.records import ItemFailure, UnreadableRecord
from batchmap.worker.failures import LONGEST_TEXT

__all__ = [
    "InputRecord",
    "Source",
    "one_line",
    "state_of_file",
    "unreadable_record",
    "value_bytes",
]

InputRecord = tuple[Any, bytes, int]
"""An item (or an `UnreadableRecord`), the bytes of its record, and the record's position."""

_MAX_CHARACTER_BYTES = 4


class Source(Protocol):
    """An input that is read record by record."""

    name: str
    """As it is called in messages; never holds a password."""
    repeatable: bool
    """Whether it can be read more than once."""

    @property
    def size_bytes(self) -> int | None:
        """The size of a file of little else than the records' bytes; `None` where unknown."""
        ...

    @property
    def total(self) -> int | None:
        """How many items it has; `None` where only reading it all would say."""
        ...

    @property
    def paths(self) -> tuple[Path, ...]:
        """The regular files that it reads, so that the run does not write to them."""
        ...

    def records(self) -> Iterator[InputRecord]:
        """Yield the input from its start: item, bytes of its record and position, one at a time.

        In place of the item of a record that cannot be read there is an `UnreadableRecord`. The
        bytes are the same each time, for a digest. The position is the source's own number for the
        record, from 1. Raises `InputError` where the input as a whole cannot be read on.
        """
        ...

    def records_and_pauses(self) -> Iterator[InputRecord | None]:
        """Yield the same, and `None` where the next record may have to be waited for."""
        ...

    def state(self) -> object:
        """Return a value that changes when the records do, `None` where that cannot be known."""
        ...

    def place(self, where: int) -> str:
        """Return where the record at a position stands, in words, for a message."""
        ...

    def fraction(self) -> float | None:
        """Return the share of the input that has been read, from 0 to 1; `None` when unknown."""
        ...


def unreadable_record(
    error_type: str, error: str, raw: bytes, *, whole: bool = True
) -> UnreadableRecord:
    """Return what replaces the item of a record that cannot be read; `raw` are its bytes.

    Without `whole`, only its first 8 KB are kept.
    """
    kept = raw if whole else raw[: LONGEST_TEXT * _MAX_CHARACTER_BYTES]
    text = kept.decode("utf-8", "surrogateescape")
    return UnreadableRecord(
        ItemFailure(error_type, error[:LONGEST_TEXT], ""), text if whole else text[:LONGEST_TEXT]
    )


def state_of_file(path: Path | str) -> object:
    """Return a value that changes when the file does."""
    try:
        found = os.stat(path)  # noqa: PTH116  # there may be many
    except OSError as error:
        return type(error)
    return found.st_ino, found.st_size, found.st_mtime_ns


def value_bytes(value: Any) -> bytes:
    """Return bytes for a value that has none in the input: the same for equal values."""
    return repr(value).encode("utf-8", "surrogatepass")


def one_line(error: BaseException | str) -> str:
    """Return a message with its line ends and runs of blanks turned into single blanks."""
    return " ".join(str(error).split())
