"""Text that grows at its end alone, in part files of a directory that are split by their size."""

from __future__ import annotations

import io
import os
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from batchmap.errors import OutputError
from batchmap.sinks.base import NoteDigest, Stretch, no_note, output_digest
from batchmap.sinks.output_errors import (
    changed_meanwhile,
    not_what_was_written,
    output_errors,
    real_path,
)
from batchmap.sinks.text_file.append_file import AppendedFile, GrowingText, hash_of
from batchmap.sinks.text_file.compressed_file import CompressedFile, is_torn
from batchmap.sinks.text_file.compressed_frames import DamagedFrameError
from batchmap.sinks.text_file.joined_parts import JoinedParts, joined_parts
from batchmap.storage import Location
from batchmap.storage.part_files import (
    MAX_PARTS,
    make_directory,
    part_name,
    parts_in,
    remove_parts,
)
from batchmap.text import printable

__all__ = ["SplitFile"]


class SplitFile:
    """A `GrowingText` in the directory `path`, as part files whose suffix is `suffix`.

    A part ends with the piece by which its text reaches `split_bytes`, so that where the parts end
    is told by the pieces alone. With `has_header`, each part begins with the header. Ends and
    digests are those of the text as if it were one file: of the headers, they count the first.
    """

    def __init__(
        self, path: Path, suffix: str, compression: str, split_bytes: int, *, has_header: bool
    ) -> None:
        self.path: Location = path
        self._path_given = path
        self._directory = real_path(path)
        self._suffix = suffix
        self._compression = compression
        self._split_bytes = split_bytes
        self._has_header = has_header
        self._header = b""
        self._number = 1
        self._part = self._part_of(1)
        self._part_start = 0
        """Where the part would begin in the text if it had no header of its own."""
        self._known: dict[Path, os.stat_result] = {}
        """The parts before it."""
        self.commit_every_s = self._part.commit_every_s
        self.commit_soonest_s = self._part.commit_soonest_s
        self.takes_each = True
        self.end = 0
        self.digest: bytes | None = None
        self._stretch_start: int | None = None
        """Where the last good `sync` left the text; `None` before the first `start`."""
        self._stretch_hash = output_digest()

    def check(self, stretches: Iterable[Stretch]) -> None:
        start = 0
        with output_errors(self.path), self._joined() as text:
            if more := next((n for n, size in enumerate(text.other_bytes[:-1]) if size), None):
                raise not_what_was_written(text.paths[more])
            for end, digest in stretches:
                if end > text.size:
                    self._check_end(text)
                    return
                try:
                    found = hash_of(text, end - start).digest()
                except DamagedFrameError:
                    found = b""
                if found != digest:
                    raise self._changed(text, start, end)
                start = end

    def _check_end(self, text: JoinedParts) -> None:
        """Raise `OutputError` where a text that is too short is not just a text that was cut."""
        number = len(text.paths)
        if len(parts_in(self._directory, self._suffix)) > number:
            name = part_name(number + 1, self._suffix)
            raise OutputError(
                f"{printable(f'{self.path}')}: {name} is missing among its part files",
                advice="bring it back; or {overwrite} begins anew",
            )
        if self._compression and text.paths and not is_torn(text.paths[-1], self._compression):
            raise not_what_was_written(text.paths[-1])

    def _changed(self, text: JoinedParts, start: int, end: int) -> OutputError:
        """Return the error for a stretch that is not what was written, by the parts it is in."""
        ends = text.starts[1:]
        first, last = bisect_left(ends, start + 1), bisect_left(ends, end)
        if first == last:
            return not_what_was_written(text.paths[first])
        parts = f"{text.paths[first].name} to {text.paths[last].name}"
        return OutputError(
            f"{printable(f'{self.path}')}: {parts} are not what the run wrote",
            advice="bring them back; or {overwrite} begins anew",
        )

    def start(self, end: int) -> int:
        before = self._stretch_start
        self.close()
        with output_errors(self.path):
            make_directory(self._directory)
            if end == 0:
                remove_parts(self._directory)
            with self._joined() as text:
                if text.size < end:
                    return text.size
                self._header = text.header if end else b""
                number = bisect_left(text.starts, end, 1) if end else 1
                self._part_start = text.starts[number - 1] - text.header_bytes(number - 1)
                known = {path: path.stat() for path in text.paths[: number - 1]}
            part = self._part_of(number)
            found = part.start(end - self._part_start)
            if found < end - self._part_start:
                return max(text.starts[number - 1], self._part_start + found)
            self._number, self._part, self._known = number, part, known
            remove_parts(self._directory, range(1, number + 1), self._suffix)
            self.end = end
            self._stretch_start = end if before is None else min(before, end)
            with self._joined() as text:
                text.seek(self._stretch_start)
                self._stretch_hash = hash_of(text, end - self._stretch_start)
        return end

    def append(self, pieces: Sequence[str], header: str = "") -> int:
        if self.end == 0:
            self._header = header.encode()
        left = [piece.encode() for piece in pieces if piece]
        first = 0
        while first < len(left):
            if self._part.end >= self._split_bytes:
                self._next_part()
            before = b"" if self._part.end else self._header
            size, last = self._part.end + len(before), first
            while last < len(left) and (last == first or size < self._split_bytes):
                size += len(left[last])
                last += 1
            data = b"".join(left[first:last])
            text = data if self.end else before + data
            self._stretch_hash.update(text)
            self.end += len(text)
            self._part.append_bytes(before + data)
            first = last
        return self.end

    def sync(self) -> int:
        self._part.sync()
        self.digest = None
        if self.end != self._stretch_start:
            self.digest, self._stretch_hash = self._stretch_hash.digest(), output_digest()
            self._stretch_start = self.end
        return self.end

    def rollback(self) -> int:
        """Drop all that was written since the last good `sync`, in whichever parts it is."""
        self._part.rollback()
        self.end = self._stretch_start or 0
        return self.end

    def finish(self, note: NoteDigest = no_note) -> None:
        """Raise `OutputError` also when somebody changed an earlier part."""
        self._part.finish()
        with output_errors(self.path):
            for path, known in self._known.items():
                try:
                    now = path.stat()
                except FileNotFoundError:
                    raise changed_meanwhile(self.path, f"{path.name} was removed") from None
                if (now.st_size, now.st_mtime_ns) != (known.st_size, known.st_mtime_ns):
                    raise changed_meanwhile(self.path, f"{path.name} was changed by somebody else")

    def close(self) -> None:
        self._part.close()

    def head(self) -> BinaryIO:
        return io.BufferedReader(self._joined())

    def anew(self) -> GrowingText:
        return SplitFile(
            self._path_given,
            self._suffix,
            self._compression,
            self._split_bytes,
            has_header=self._has_header,
        )

    def _next_part(self) -> None:
        """Make the part durable, and begin the next one."""
        number = self._number + 1
        if number > MAX_PARTS:
            raise OutputError(
                f"{printable(f'{self.path}')}: it has {MAX_PARTS:,} part files, and no name for "
                "more",
                advice="take a larger {split_size_bytes:} and begin anew with {overwrite}",
            )
        path, new = self._path_of(number), self._part_of(number)
        with output_errors(self.path):
            if os.path.lexists(path):
                raise changed_meanwhile(self.path, f"{path.name} was made by somebody else")
            self._part.sync()
            new.start(0)
            done = self._path_of(self._number)
            self._known[done] = done.stat()
        self._part.close()
        self._number, self._part = number, new
        self._part_start = self.end - len(self._header)

    def _path_of(self, number: int) -> Path:
        return self._directory / part_name(number, self._suffix)

    def _part_of(self, number: int) -> AppendedFile | CompressedFile:
        path = self._path_of(number)
        return CompressedFile(path, self._compression) if self._compression else AppendedFile(path)

    def _joined(self) -> JoinedParts:
        return joined_parts(
            self._directory, self._suffix, self._compression, has_header=self._has_header
        )
