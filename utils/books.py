"""Where a run notes what is done and what failed: a journal, or for stdout a spool."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Protocol

from utils.journal import Stretch

__all__ = ["Book", "Spool"]


class Book(Protocol):
    """Where it is noted what is done, and which items failed."""

    def add_done(self, first: int, digests: bytes, output_end: int) -> None:
        """Note items in a row whose results end at `output_end`."""

    def add_failed(self, item: int, digest: bytes, line: str) -> None:
        """Note a failed item, as a line of the errors file."""

    def commit(self) -> None:
        """Keep what was noted."""

    def finish(self) -> None:
        """Note that all is done."""

    def stretches(self) -> Iterator[Stretch]:
        """Yield the items that are done or failed, in their order."""
        ...

    def failure_lines(self) -> Iterator[str]:
        """Yield the lines of the failed items."""
        ...


class Spool:
    """A book for outputs that cannot be resumed: failures alone, in a file without a name."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")  # noqa: SIM115

    def add_done(self, first: int, digests: bytes, output_end: int) -> None:
        """Do nothing: what is out is out."""

    def add_failed(self, item: int, digest: bytes, line: str) -> None:
        """Keep the line."""
        self._file.write(line + "\n")

    def commit(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""

    def stretches(self) -> Iterator[Stretch]:
        """Yield nothing: it is not known what is done."""
        return iter(())

    def failure_lines(self) -> Iterator[str]:
        """Yield the lines, in the order in which the items failed."""
        self._file.seek(0)
        return (line.rstrip("\n") for line in self._file)
