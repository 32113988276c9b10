"""Where a run notes what is done and what failed: a journal, or for stdout a failure spool."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Protocol

from batchmap.errors import OutputError
from batchmap.row_counts import ONE_EACH

__all__ = ["CompletionLog", "FailureSpool", "ItemRange"]

ItemRange = tuple[int, int, bytes]
"""Items in a row: the index of the first, their number, and their entries (see `identity`)."""

BUFFER_BYTES = 64 << 10
"""How much is kept in memory before it is written."""


class CompletionLog(Protocol):
    """A record of which items are done, and which failed."""

    def add_done(
        self, first: int, number: int, entries: bytes, output_end: int, rows: bytes = ONE_EACH
    ) -> None:
        """Note items in a row whose results end at `output_end` of the output.

        `rows` says how many rows each has (`row_counts`).
        """

    def add_failed(self, item: int, entry: bytes, line: str) -> None:
        """Note an item that failed, as a line of the file of failed items."""

    def add_stretch(self, output_end: int, digest: bytes) -> None:
        """Note the digest of what was added to the output since the last commit.

        It is durable, and ends at `output_end`.
        """

    def drop_beyond(self, end: int) -> int:
        """Forget results beyond `end` that were noted and not committed; return where they end."""
        ...

    def commit(self) -> None:
        """Make durable what was noted; the output must be durable before."""

    def note_whole(self, negative_end: int, digest: bytes) -> None:
        """Note, durably, the digest of an output that is written anew to be complete."""

    def finish(self) -> None:
        """Note that the run came to its end."""

    def ranges(self) -> Iterator[ItemRange] | None:
        """Yield the items that are done or failed, in input order; return `None` if not known."""
        ...

    def failure_lines(self) -> Iterator[str]:
        """Yield the lines of the failed items."""
        ...


class FailureSpool:
    """The log of an output that cannot be resumed: failures alone, in a file without a name.

    What the disk has no room for stays in memory, in a buffer of our own: one of Python's would try
    to write it again when the file is read, and once more, with a traceback, when it is closed.
    """

    def __init__(self) -> None:
        import tempfile  # which takes a while to load

        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self._buffer = bytearray()

    def add_done(
        self, first: int, number: int, entries: bytes, output_end: int, rows: bytes = ONE_EACH
    ) -> None:
        """Do nothing: stdout cannot be cut back."""

    def add_failed(self, item: int, entry: bytes, line: str) -> None:
        """Keep the line."""
        self._buffer += line.encode() + b"\n"
        if len(self._buffer) > BUFFER_BYTES:
            self.commit()

    def add_stretch(self, output_end: int, digest: bytes) -> None:
        """Do nothing: stdout is not read again."""

    def drop_beyond(self, end: int) -> int:
        """Do nothing: stdout cannot be cut back."""
        return end

    def commit(self) -> None:
        """Write out what is still in memory."""
        with self._file_errors():
            while self._buffer:
                written = self._file.write(self._buffer)
                del self._buffer[:written]

    def note_whole(self, negative_end: int, digest: bytes) -> None:
        """Do nothing: stdout is not read again."""

    def finish(self) -> None:
        """Do nothing."""

    @contextmanager
    def _file_errors(self) -> Iterator[None]:
        """Turn an `OSError` inside into an `OutputError` that says what helps."""
        try:
            yield
        except OSError as error:
            import tempfile

            raise OutputError(
                f"failed items cannot be kept in {tempfile.gettempdir()} ({error.strerror}); "
                "make room there, or set TMPDIR"
            ) from error

    def ranges(self) -> None:
        """Return nothing: what is done is not kept."""

    def failure_lines(self) -> Iterator[str]:
        """Yield the lines, in the order in which the items failed."""
        with self._file_errors():
            self._file.seek(0)
        with os.fdopen(self._file.fileno(), "rb", closefd=False) as written:
            line = b""
            for part in chain(written, io.BytesIO(self._buffer)):
                line += part  # a full disk may have taken one in part
                if line.endswith(b"\n"):
                    yield line[:-1].decode()
                    line = b""
