"""A temporary file for bytes that can be read once only and are needed twice."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from batchmap.errors import InputError
from batchmap.sources.opening.byte_sources import ByteSource, Opened

__all__ = ["Spooled"]

_BLOCK_BYTES = 1 << 20


class Spooled:
    """The bytes of `stream`, read to its end when they are first asked for, and kept in a file.

    The file has no name and is gone with the process. Raises `InputError` where it has no room.
    """

    repeatable = True

    def __init__(self, stream: ByteSource) -> None:
        self._stream = stream
        self._file: BinaryIO | None = None
        self.name = stream.name
        self.paths = stream.paths
        self.may_unpack = stream.may_unpack
        self.size_bytes: int | None = None

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        if self._file is None:
            self._file = self._kept()
        self._file.seek(0)
        yield self._file, self.size_bytes

    def _kept(self) -> BinaryIO:
        file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115
        with self._stream.opened() as (stream, _):
            while block := stream.read(_BLOCK_BYTES):
                try:
                    file.write(block)
                except OSError as error:
                    raise InputError(
                        f"{self.name}: cannot be kept in {tempfile.gettempdir()} "
                        f"({error.strerror}); save it to a file, or set TMPDIR"
                    ) from error
        self.size_bytes = file.tell()
        return file

    def state(self) -> object:
        return None
