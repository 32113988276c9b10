"""Text that grows at its end alone, in a compressed file of this machine."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from batchmap.sinks.base import NoteDigest, Stretch, no_note, output_digest
from batchmap.sinks.output_errors import not_what_was_written, output_errors, real_path
from batchmap.sinks.text_file.append_file import (
    AppendedFile,
    GrowingText,
    hash_of,
    joined_text,
)
from batchmap.sinks.text_file.compressed_frames import (
    FRAME_BYTES,
    DamagedFrameError,
    UnpackedFrames,
    frame_format,
)
from batchmap.storage import Location

__all__ = ["CompressedFile", "is_torn", "opened_text", "text_bytes"]


class CompressedFile:
    """A `GrowingText` whose ends and digests are those of the text, as if it were not compressed.

    Each `sync` ends a frame, so that the file can be cut there.
    """

    def __init__(self, path: Path, compression: str) -> None:
        self._compression = compression
        self._form = frame_format(compression)
        self._file = AppendedFile(path)
        self._path_given = path
        self.path: Location = path
        self._real = real_path(path)
        self.commit_every_s = self._file.commit_every_s
        self.commit_soonest_s = self._file.commit_soonest_s
        self.takes_each = False
        self.end = 0
        self.digest: bytes | None = None
        self._buffer = bytearray()
        self._stretch_start: int | None = None
        """Where the last good `sync` left the text; `None` before the first `start`."""
        self._stretch_hash = output_digest()

    def check(self, stretches: Iterable[Stretch]) -> None:
        start = 0
        with output_errors(self.path), suppress(FileNotFoundError), self._opened() as text:
            for end, digest in stretches:
                if end > text.size:
                    if text.is_torn():
                        return
                    raise not_what_was_written(self.path)
                try:
                    found = hash_of(text, end - start).digest()
                except DamagedFrameError:
                    found = b""
                if found != digest:
                    raise not_what_was_written(self.path)
                start = end

    def start(self, end: int) -> int:
        before = self._stretch_start
        self.close()
        packed_end = found = 0
        with output_errors(self.path):
            if end:
                with suppress(FileNotFoundError), self._opened() as text:
                    frame = bisect_right(text.text_starts, end) - 1
                    packed_end, found = text.starts[frame], text.text_starts[frame]
            if found < end:
                return found  # the file is shorter, or does not end a frame there
            self._file.start(packed_end)
            self.end = end
            self._stretch_start = end if before is None else min(before, end)
            with self._opened() as text:
                text.seek(self._stretch_start)
                self._stretch_hash = hash_of(text, end - self._stretch_start)
        return end

    def append(self, pieces: Sequence[str], header: str = "") -> int:
        return self.append_bytes(joined_text(self.end, pieces, header))

    def append_bytes(self, data: bytes) -> int:
        """Append text that is encoded already; return where the text ends."""
        self._buffer += data
        self.end += len(data)
        while len(self._buffer) >= FRAME_BYTES:
            self._pack(FRAME_BYTES)
        return self.end

    def sync(self) -> int:
        if self._buffer:
            self._pack(len(self._buffer))
        self._file.sync()
        self.digest = None
        if self.end != self._stretch_start:
            self.digest, self._stretch_hash = self._stretch_hash.digest(), output_digest()
            self._stretch_start = self.end
        return self.end

    def rollback(self) -> int:
        """Drop all that was written since the last good `sync`, for it may end within a frame."""
        self._buffer.clear()
        self._file.rollback()
        self.end = self._stretch_start or 0
        return self.end

    def finish(self, note: NoteDigest = no_note) -> None:
        """Write a frame without text where there is none: an empty file is not of the format."""
        if self.end == 0:
            self._pack(0)
            self._file.sync()

    def close(self) -> None:
        self._buffer.clear()
        self._file.close()

    def head(self) -> BinaryIO:
        return opened_text(self._real, self._compression)

    def anew(self) -> GrowingText:
        return CompressedFile(self._path_given, self._compression)

    def _opened(self) -> UnpackedFrames:
        return UnpackedFrames(self._real.open("rb"), self._form)

    def _pack(self, size: int) -> None:
        text = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._stretch_hash.update(text)
        self._file.append_bytes(self._form.packed(text))


def opened_text(path: Path, compression: str) -> BinaryIO:
    """Return the text of an output as a file that can be read from anywhere."""
    file = path.open("rb")
    if not compression:
        return file
    return io.BufferedReader(UnpackedFrames(file, frame_format(compression)), FRAME_BYTES)


def text_bytes(path: Path, compression: str) -> tuple[int, int]:
    """Return how much text an output holds, and how many bytes of the file are no part of it."""
    if not compression:
        return path.stat().st_size, 0
    with UnpackedFrames(path.open("rb"), frame_format(compression)) as text:
        return text.size, text.file_bytes - text.starts[-1]


def is_torn(path: Path, compression: str) -> bool:
    """Tell whether what follows the last whole frame of a file, if anything, may be part of one."""
    with UnpackedFrames(path.open("rb"), frame_format(compression)) as text:
        return text.is_torn()
