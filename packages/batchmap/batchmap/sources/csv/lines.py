"""The lines of the record that `csv.reader` reads now, some of which may be read once more."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator

from batchmap.errors import InputError
from batchmap.sources.opening.text_encoding import BadText

__all__ = ["MAX_RECORD_BYTES", "RecordLines", "RecordTooLong"]

MAX_RECORD_BYTES = 1 << 24
"""A longer record is an error of the input: most likely a quote is not closed."""


class RecordTooLong(Exception):  # it says what has happened, and is caught
    """The lines of a record have more than `MAX_RECORD_BYTES`; those so far are in `lines`."""


class RecordLines:
    """The lines of a record, the number of its first line, and the lines that follow."""

    def __init__(self, blocks: Iterable[bytes], name: str, bad_text: BadText) -> None:
        self.lines: list[bytes] = []
        self.first_line = 1
        self.name = name
        self._bad_text = bad_text
        self._blocks = blocks
        self._physical = self._physical_lines()
        self._again: deque[bytes] = deque()

    def begin_record(self) -> None:
        """Go on to the next record: what is read from now on belongs to it."""
        self.first_line += len(self.lines)
        self.lines.clear()

    def texts(self) -> Iterator[str]:
        """Yield every line with its end, decoded, and add it to `lines`."""
        lines, again = self.lines, self._again
        while again:
            line = again.popleft()
            lines.append(line)
            yield self._text(line)
        record_bytes = sum(map(len, lines))
        for line in self._physical:
            record_bytes = record_bytes + len(line) if lines else len(line)
            if record_bytes > MAX_RECORD_BYTES:
                again.append(line)
                raise RecordTooLong
            lines.append(line)
            try:
                text = line.decode()
            except UnicodeDecodeError:
                text = self._text(line)
            yield text

    def read_again(self, first: int) -> None:
        """Have the lines from the one of this offset on read again, by `texts` called anew."""
        self._again.extendleft(reversed(self.lines[first:]))
        del self.lines[first:]

    def ahead(self, number: int) -> list[str]:
        """Return the next lines, at most so many, which are read all the same."""
        while len(self._again) < number and (line := next(self._physical, None)) is not None:
            self._again.append(line)
        return [line.decode("utf-8", "surrogateescape") for line in list(self._again)[:number]]

    def drop(self) -> None:
        """Leave out the next line."""
        if self.ahead(1):
            self._again.popleft()
            self.first_line += 1

    def end(self) -> None:
        """Say what is to be said at the end of the input."""
        self._bad_text.close()

    def release(self) -> None:
        """Let the input be closed, also where it was not read to its end."""
        self._physical.close()
        self._blocks = ()

    def too_long(self) -> InputError:
        """Return the error for a record that does not end."""
        return InputError(
            f"{self.name} line {self.first_line}: the record that starts here is longer than "
            f"{MAX_RECORD_BYTES >> 20} MiB; an unclosed quote? Close it, or double it",
            advice="{quote:none} takes quotes as text",
        )

    def _text(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError:
            content = line.rstrip(b"\r\n")
            text = self._bad_text.decoded(content, self.first_line + len(self.lines) - 1)
            return text + line[len(content) :].decode()

    def _physical_lines(self) -> Generator[bytes, None, None]:
        held: list[bytes] = []
        held_bytes = 0
        for block in self._blocks:
            held.append(block)
            held_bytes += len(block)
            if b"\n" in block or b"\r" in block:
                lines = b"".join(held).splitlines(keepends=True)
                # A lone \r at the end of a block may be half of an \r\n.
                held = [] if lines[-1].endswith(b"\n") else [lines.pop()]
                held_bytes = sum(map(len, held))
                yield from lines
            if held_bytes > MAX_RECORD_BYTES:
                raise self.too_long()
        yield from b"".join(held).splitlines(keepends=True)
