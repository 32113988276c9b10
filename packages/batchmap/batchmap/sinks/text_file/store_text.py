"""Text that grows in a store: each `sync` writes a part, and `finish` merges them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from batchmap.sinks.base import NoteDigest, Stretch, no_note, output_digest
from batchmap.sinks.output_errors import not_what_was_written, output_errors
from batchmap.sinks.store_parts import StoreParts
from batchmap.sinks.text_file.append_file import GrowingText, joined_text
from batchmap.sinks.text_file.compressed_frames import FrameFormat, UnpackedFrames, frame_format
from batchmap.storage import Location
from batchmap.storage.output_lease import OutputLease

__all__ = ["StoreText"]

PART_BYTES = 16 << 20
"""A part of this size is written without waiting for `sync`: it is in memory until then."""

_PIECE_BYTES = 4 << 20


class StoreText:
    """What `AppendedFile` is on this machine, in a store; compressed, what `CompressedFile` is.

    The key of a part is the byte of the text that it begins at, so the size of the merged output's
    text says which parts are in it already. Of compressed text, each part is a frame.
    """

    commit_every_s = 10.0
    commit_soonest_s = 10.0
    takes_each = False

    def __init__(self, output: OutputLease, suffix: str, compression: str = "") -> None:
        self.path: Location = output.url
        self.end = 0
        self._form: FrameFormat | None = frame_format(compression) if compression else None
        self._parts = StoreParts(output, f"{suffix}{compression}")
        self._sizes: dict[int, int] = {}
        """The sizes of the parts by their keys."""
        self._merged: int | None = None
        """How much text the merged output holds, `None` when it does not exist."""
        self._buffer = bytearray()
        self.digest: bytes | None = None
        self._stretch_hash = output_digest()
        self._stretch_start: int | None = None

    def check(self, stretches: Iterable[Stretch]) -> None:
        """Do nothing: all would have to be fetched; `start` compares the sizes of the parts."""

    def start(self, end: int) -> int:
        self._buffer.clear()
        with output_errors(self.path):
            output_bytes = self._parts.output_size() if end else None
            merged = None if output_bytes is None else self._merged_text_bytes(output_bytes)
            found = self._parts.sizes()
            if (merged or 0) > end:
                return 0  # what is merged cannot be cut
            self._merged, self._sizes = merged, {}
            self.end = merged or 0
            while self.end < end and (size := found.get(self.end)):
                text_bytes = self._text_bytes(self.end, size)
                if self.end + text_bytes > end:
                    break
                self._sizes[self.end] = size
                self.end += text_bytes
            if self.end == end:
                self._parts.keep(self._sizes, output_bytes)
            before, self._stretch_start = self._stretch_start, self.end
            self._stretch_hash = output_digest()
            for key in self._sizes:
                if before is not None and key >= before:  # written after the last `sync`
                    self._stretch_start = before
                    self._stretch_hash.update(self._text(self._parts.read(key)))
        return self.end

    def append(self, pieces: Sequence[str], header: str = "") -> int:
        data = joined_text(self.end, pieces, header)
        self._buffer += data
        self.end += len(data)
        if len(self._buffer) >= PART_BYTES:
            self._flush()
        return self.end

    def sync(self) -> int:
        self._flush()
        self.digest = None
        if self.end != self._stretch_start:
            self.digest, self._stretch_hash = self._stretch_hash.digest(), output_digest()
            self._stretch_start = self.end
        return self.end

    def rollback(self) -> int:
        self.end -= len(self._buffer)
        self._buffer.clear()
        return self.end

    def finish(self, note: NoteDigest = no_note) -> None:
        with output_errors(self.path):
            if self._sizes or self._merged is None:
                self._parts.merge(self._merge)
                self._merged, self._sizes = self.end, {}
            else:
                self._parts.check()
                self._parts.clear()

    def close(self) -> None:
        self._buffer.clear()

    def head(self) -> BinaryIO:
        """Return a file that holds the beginning of the output."""
        if not self._merged:
            return io.BytesIO(self._text(self._parts.read(0)))
        with self._parts.opened_output() as file:
            if self._form is not None:
                file = io.BufferedReader(UnpackedFrames(file, self._form))
            return io.BytesIO(file.read(_PIECE_BYTES))

    def anew(self) -> GrowingText:
        """Return itself: what is in a store is not replaced."""
        return self

    def _flush(self) -> None:
        if self._buffer:
            start = self.end - len(self._buffer)
            text = bytes(self._buffer)
            data = text if self._form is None else self._form.packed(text)
            with output_errors(self.path):
                self._parts.write(start, data)
            self._sizes[start] = len(data)
            self._stretch_hash.update(self._buffer)
            self._buffer.clear()

    def _merge(self, file: BinaryIO) -> None:
        if self._merged:
            with self._parts.opened_output() as before:
                while piece := before.read(_PIECE_BYTES):
                    file.write(piece)
        for start in self._sizes:
            file.write(self._parts.read(start))
        if self._form is not None and self.end == 0:  # an empty file is not of the format
            file.write(self._form.packed(b""))

    def _text(self, data: bytes) -> bytes:
        """Return the text of a part."""
        return data if self._form is None else self._form.unpacked(data)

    def _text_bytes(self, key: int, size: int) -> int:
        """Return how much text a part of `size` bytes holds; 0 where it is not what was written."""
        if self._form is None:
            return size
        with self._parts.opened(key) as file, UnpackedFrames(file, self._form) as text:
            return text.size

    def _merged_text_bytes(self, size: int) -> int:
        """Return how much text the merged output of `size` bytes holds."""
        if self._form is None:
            return size
        with self._parts.opened_output() as file, UnpackedFrames(file, self._form) as text:
            if text.starts[-1] != size:
                raise not_what_was_written(self.path)
            return text.size
