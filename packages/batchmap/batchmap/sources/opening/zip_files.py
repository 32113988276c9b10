"""Reads files that are in a zip archive."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO, cast

from batchmap.errors import InputError
from batchmap.sources.base import one_line
from batchmap.sources.opening.byte_sources import ByteSource, Opened

__all__ = ["ZipArchive", "ZipMember"]

_SHOWN = 3
_IS_ENCRYPTED = 1
_NO_FILES = ("__MACOSX/", ".DS_Store")
"""What macOS adds."""

_ERRORS = (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, ValueError, KeyError)
"""What `zipfile` raises for archives that are damaged, encrypted, or packed by rare methods."""


class ZipArchive:
    """An archive, and what its directory says is in it, which is read once.

    Raises `InputError` for an archive that is damaged.
    """

    def __init__(self, byte_source: ByteSource) -> None:
        self.byte_source = byte_source
        self.name = byte_source.name
        with byte_source.opened() as (file, _), _zip_errors(self.name):
            self._directory = zipfile.ZipFile(file)
        self.names = tuple(name for name in self._directory.namelist() if not name.endswith("/"))
        """Those of the files, but not of directories, in any order."""

    def files(self) -> list[str]:
        """Return the names of the files that are not only there for macOS, each once, sorted."""
        return sorted({name for name in self.names if not _is_of_macos(name)})

    def only_file(self) -> ZipMember:
        """Return the one file in it; raises `InputError` where there are none, or more."""
        names = self.files()
        if not names:
            raise InputError(f"{self.name}: is a zip archive that holds no file; check it")
        if len(names) > 1:
            shown = ", ".join(f"{name:.60}" for name in names[:_SHOWN])
            more = ", …" if len(names) > _SHOWN else ""
            raise InputError(
                f"{self.name}: is a zip archive that holds {len(names)} files ({shown}{more}), and "
                "one with a single file is read",
                advice="unpack it; {rows} takes the rows of all files in it where its name ends "
                "with .zip",
            )
        return ZipMember(self, names[0], name=self.name)

    def size_of(self, member: str) -> int:
        """Return how many bytes a file has; raises `InputError` for one that has a password."""
        info = self._directory.getinfo(member)
        if info.flag_bits & _IS_ENCRYPTED:
            raise InputError(f"{self.name}: {member} in it has a password; unpack it first")
        return info.file_size

    @contextmanager
    def opened(self, member: str) -> Iterator[BinaryIO]:
        """Open a file in it."""
        with self.byte_source.opened() as (file, _):
            archive = copy(self._directory)  # to read a large directory for each file takes long
            archive.fp = file
            with _zip_errors(self.name):
                opened = archive.open(member)
            with opened:
                yield cast(BinaryIO, _CheckedFile(opened, self.name))


class _CheckedFile(io.RawIOBase):
    """A file in an archive, of which what cannot be read is an error of the archive.

    What a format finds wrong with the bytes that can be read is none.
    """

    def __init__(self, file: IO[bytes], archive: str) -> None:
        self._file = file
        self._archive = archive

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def readinto(self, buffer: Any) -> int:
        with _zip_errors(self._archive):
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _zip_errors(self._archive):  # data that is passed over is read
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class ZipMember:
    """The bytes of a file in an archive, which messages call `name`.

    As of any file, its size is known, and how much of it was read.
    """

    may_unpack = False

    def __init__(self, archive: ZipArchive, member: str, *, name: str) -> None:
        self._archive = archive
        self._member = member
        self.name = name
        self.paths = archive.byte_source.paths
        self.repeatable = archive.byte_source.repeatable
        self.state = archive.byte_source.state
        self.suffixes = PurePosixPath(member).suffixes
        self.size_bytes: int | None = archive.size_of(member)

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        with self._archive.opened(self._member) as file:
            yield file, self.size_bytes


def _is_of_macos(name: str) -> bool:
    return name.startswith(_NO_FILES[0]) or PurePosixPath(name).name == _NO_FILES[1]


@contextmanager
def _zip_errors(name: str) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise InputError(f"{name}: the zip archive ends too early; copy it again, whole") from error
    except _ERRORS as error:
        raise InputError(
            f"{name}: is a damaged zip archive, or one of a rare kind ({one_line(error):.200}); "
            "unpack it first"
        ) from error
