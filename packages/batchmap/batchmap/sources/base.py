"""What every source of items promises, and what several of them need to say."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from batchmap.errors import UsageError
from batchmap.records import ItemFailure, UnreadableRecord
from batchmap.worker.failures import LONGEST_TEXT

__all__ = [
    "InputRecord",
    "Source",
    "needed",
    "one_line",
    "state_of_file",
    "unreadable_record",
    "value_bytes",
]

InputRecord = tuple[Any, bytes, int]
"""The item (or an `UnreadableRecord`), the bytes of its record, and where that is in the input."""

_LONGEST_CHARACTER_BYTES = 4


class Source(Protocol):
    """An input whose items are taken one by one."""

    name: str
    """How to call it in messages; never holds a password."""
    total: int | None
    """How many items it has; `None` where only reading it all could tell."""
    paths: tuple[Path, ...]
    """The regular files that it reads, so that nobody writes to them."""
    repeatable: bool
    """Whether it can be walked more than once."""
    size_bytes: int | None
    """The size of what holds the records' bytes and little else; `None` where that is unknown."""

    def records(self) -> Iterator[InputRecord]:
        """Yield what the function gets, the bytes of its record and its place, one at a time.

        A record that cannot be read is an `UnreadableRecord`; places count from 1. The bytes are for a
        fingerprint: the same at each walk. Raises `InputError` where the input as a whole
        cannot be read on.
        """
        ...

    def records_and_pauses(self) -> Iterator[InputRecord | None]:
        """Yield the same, and `None` where it may take a while until there are more."""
        ...

    def state(self) -> object:
        """Return what is the same for as long as the records are, `None` where nobody knows."""
        ...

    def place(self, where: int) -> str:
        """Name a record's place for a message."""
        ...

    def fraction(self) -> float | None:
        """Return the share of the input that the latest walk has read, `None` if unknown."""
        ...


def unreadable_record(error_type: str, error: str, raw: bytes) -> UnreadableRecord:
    """Return what stands for a record that cannot be read, of which `raw` are the bytes."""
    text = raw[: LONGEST_TEXT * _LONGEST_CHARACTER_BYTES].decode("utf-8", "surrogateescape")
    return UnreadableRecord(ItemFailure(error_type, error[:LONGEST_TEXT], ""), text[:LONGEST_TEXT])


def state_of_file(path: Path) -> object:
    """Return what is the same for as long as the file is not changed."""
    try:
        found = path.stat()
    except OSError as error:
        return type(error)
    return found.st_ino, found.st_size, found.st_mtime_ns


def value_bytes(value: Any) -> bytes:
    """Return a stable encoding of a value that no bytes of the input belong to."""
    return repr(value).encode("utf-8", "surrogatepass")


def needed(module: str, package: str, purpose: str) -> Any:
    """Import an optional module, or raise a `UsageError` that names the `pip install`."""
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(f"{purpose} needs a package: pip install {package}") from error


def one_line(error: BaseException | str) -> str:
    """Return a message with its line ends and runs of blanks turned into single blanks."""
    return " ".join(str(error).split())
