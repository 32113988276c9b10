"""Where a run notes what is done and what failed: a journal, or for stdout a spool."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from batchmap.checkpoint.journal import ItemRange
from batchmap.errors import OutputError

__all__ = ["CompletionLog", "FailureSpool"]


class CompletionLog(Protocol):
    """Where it is noted what is done, and which items failed."""

    def add_done(self, first: int, digests: bytes, output_end: int) -> None:
        """Note items in a row whose results end at `output_end`."""

    def add_failed(self, item: int, digest: bytes, line: str) -> None:
        """Note a failed item, as a line of the errors file."""

    def drop_beyond(self, end: int) -> int:
        """Take back what was noted but not kept of results beyond `end`; return their end then."""
        ...

    def commit(self) -> None:
        """Keep what was noted."""

    def finish(self) -> None:
        """Note that all is done."""

    def ranges(self) -> Iterator[ItemRange] | None:
        """Yield the items that are done or failed, in their order; `None` when nobody knows."""
        ...

    def failure_lines(self) -> Iterator[str]:
        """Yield the lines of the failed items."""
        ...


class FailureSpool:
    """A book for outputs that cannot be resumed: failures alone, in a file without a name."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")  # noqa: SIM115

    def add_done(self, first: int, digests: bytes, output_end: int) -> None:
        """Do nothing: what is out is out."""

    def add_failed(self, item: int, digest: bytes, line: str) -> None:
        """Keep the line."""
        with self._told():
            self._file.write(line + "\n")

    def drop_beyond(self, end: int) -> int:
        """Do nothing: what is out is out."""
        return end

    def commit(self) -> None:
        """Write out what is still in memory."""
        with self._told():
            self._file.flush()

    def finish(self) -> None:
        """Do nothing."""

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"failed items cannot be kept in {tempfile.gettempdir()} ({error.strerror}); "
                "make room there, or set TMPDIR"
            ) from error

    def ranges(self) -> None:
        """Return nothing: it is not kept what is done."""

    def failure_lines(self) -> Iterator[str]:
        """Yield the lines, in the order in which the items failed."""
        self._file.seek(0)
        return (line.rstrip("\n") for line in self._file)
