"""The lines of the record that `csv.reader` reads now, some of which may be read once more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator

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
        self._pieces = self._whole_lines()
        self._ahead: deque[bytes] = deque()
        """The lines that are still to come of the piece that is read."""
        self._is_looked_at = False
        """Whether these lines were found not to be a block."""
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

    def block(self, plain: Callable[[bytes], tuple[int, int]]) -> tuple[bytes, int, int] | None:
        """Return the next lines, joined, that are `plain`, and count them as read.

        `plain` says how many bytes and how many records they are; the result is the bytes, and
        how many records and lines these are. To be called between two records.
        """
        if self._again or (self._ahead and self._is_looked_at):
            return None
        lines = b"".join(self._ahead) if self._ahead else next(self._pieces, None)
        if lines is None:
            return None
        size, number = plain(lines)
        found, left = lines[:size], lines[size:]
        self._ahead.clear()
        self._look_ahead(left)
        self._is_looked_at = True
        if not found:
            return None
        num_lines = found.count(b"\n") + (not found.endswith(b"\n"))
        self.first_line += num_lines
        return found, number, num_lines

    def release(self) -> None:
        """Let the input be closed, also where it was not read to its end."""
        self._physical.close()
        self._pieces.close()
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

    def _look_ahead(self, lines: bytes) -> None:
        self._ahead.extend(lines.splitlines(keepends=True))
        self._is_looked_at = False

    def _physical_lines(self) -> Generator[bytes, None, None]:
        ahead = self._ahead
        while True:
            while ahead:
                yield ahead.popleft()
            lines = next(self._pieces, None)
            if lines is None:
                return
            self._look_ahead(lines)

    def _whole_lines(self) -> Generator[bytes, None, None]:
        """Yield some whole lines at a time, joined."""
        held: list[bytes] = []
        held_bytes = 0
        for block in self._blocks:
            held.append(block)
            held_bytes += len(block)
            # A lone \r at the end of a block may be half of an \r\n.
            end = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
            if end or (len(held) > 1 and held[-2].endswith(b"\r")):
                rest = block[end:]
                held[-1] = block[:end]
                whole = b"".join(held)
                held = [rest] if rest else []
                held_bytes = len(rest)
                yield whole
            if held_bytes > MAX_RECORD_BYTES:
                raise self.too_long()
        if rest := b"".join(held):
            yield rest
