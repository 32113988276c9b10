"""Reads the one file that is in a zip archive."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from batchmap.errors import InputError
from batchmap.sources.base import one_line
from batchmap.sources.opening.byte_sources import ByteSource, Opened

__all__ = ["ZipMember", "ZipNames", "names_in_zip"]

_SHOWN = 3
_IS_ENCRYPTED = 1
_NO_FILES = ("__MACOSX/", ".DS_Store")
"""What macOS adds."""

ZipNames = tuple[str, ...]

_ERRORS = (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, ValueError, KeyError)
"""What `zipfile` raises for archives that are damaged, encrypted, or packed by rare methods."""


def names_in_zip(byte_source: ByteSource) -> ZipNames:
    """Return the names of the files in an archive; raises `InputError` for one that is damaged."""
    with (
        byte_source.opened() as (file, _),
        _zip_errors(byte_source.name),
        zipfile.ZipFile(file) as archive,
    ):
        return tuple(name for name in archive.namelist() if not name.endswith("/"))


class ZipMember:
    """The bytes of the one file in an archive; raises `InputError` where there are none, or more.

    As of any file, its size is known, and how much of it was read.
    """

    may_unpack = False

    def __init__(self, archive: ByteSource, names: ZipNames) -> None:
        self._archive = archive
        self.name = archive.name
        self.paths = archive.paths
        self.repeatable = archive.repeatable
        self.state = archive.state
        names = tuple(name for name in names if not _is_of_macos(name))
        if len(names) != 1:
            shown = ", ".join(f"{name:.60}" for name in names[:_SHOWN])
            more = ", …" if len(names) > _SHOWN else ""
            holds = f"holds {len(names)} files ({shown}{more})" if names else "holds no file"
            raise InputError(
                f"{self.name}: is a zip archive that {holds}, and one with a single file is read; "
                "unpack it, and name one of them, or all by a quoted pattern"
            )
        self.member = names[0]
        self.suffixes = PurePosixPath(self.member).suffixes
        with (
            archive.opened() as (file, _),
            _zip_errors(self.name),
            zipfile.ZipFile(file) as opened,
        ):
            info = opened.getinfo(self.member)
        if info.flag_bits & _IS_ENCRYPTED:
            raise InputError(f"{self.name}: {self.member} in it has a password; unpack it first")
        self.size_bytes: int | None = info.file_size

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        with (
            self._archive.opened() as (file, _),
            _zip_errors(self.name),
            zipfile.ZipFile(file) as archive,
            archive.open(self.member) as member,
        ):
            yield cast(BinaryIO, member), self.size_bytes


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
