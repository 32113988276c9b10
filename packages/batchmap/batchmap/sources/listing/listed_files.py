"""One of many files of an input: what it is called, and where its bytes are."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from batchmap.sources.opening.byte_sources import ByteSource, LocalFile, Opened, StoreFile
from batchmap.sources.opening.decompression import COMPRESSIONS
from batchmap.storage import INPUT_SUFFIXES, FoundFile, Store, StoreUrl

__all__ = ["MARKERS", "ListedFile", "LocalListed", "StoredListed", "UrlListed", "is_left_out"]

MARKERS = ("_SUCCESS", "_metadata", "_common_metadata")
"""What programs that write directories of files leave beside these."""

TEXT_SUFFIXES = (".txt", ".text", ".log")
"""Suffixes of files of lines, where others than those of formats are not taken for text."""


class ListedFile(ABC):
    """A file of an input; it is opened when its records are needed."""

    __slots__ = ("name", "size_bytes")

    def __init__(self, name: str, size_bytes: int) -> None:
        self.name = name
        """As it is called in messages, and sorted by."""
        self.size_bytes = size_bytes

    @property
    def suffixes(self) -> list[str]:
        """The suffixes of its name, which say how it is read."""
        return PurePosixPath(self.name).suffixes

    @property
    def is_compressed(self) -> bool:
        """Whether its name says that it is compressed."""
        return self._last_suffixes()[1]

    @property
    def format(self) -> str | None:
        """The format that its name tells; `None` where it tells none."""
        suffix = self._last_suffixes()[0]
        return "text" if suffix in TEXT_SUFFIXES else INPUT_SUFFIXES.get(suffix)

    def _last_suffixes(self) -> tuple[str, bool]:
        suffixes = [suffix.lower() for suffix in self.suffixes]
        is_compressed = bool(suffixes) and suffixes[-1] in COMPRESSIONS
        if is_compressed:
            suffixes.pop()
        return suffixes[-1] if suffixes else "", is_compressed

    @property
    def container(self) -> ListedFile:
        """The file that holds it: itself, unless it is in an archive."""
        return self

    @property
    def url(self) -> str:
        """Its URL with all that is in it, if it is in a store."""
        return self.name

    @property
    def version(self) -> str:
        """What its store says of its version."""
        return ""

    @abstractmethod
    def byte_source(self) -> ByteSource:
        """Return what reads its bytes; raises `InputError` where it cannot be read."""


class LocalListed(ListedFile):
    """A file of this machine; a path that is not absolute is taken as seen from `directory`.

    The function may change the current directory before the file is read.
    """

    __slots__ = ("_directory",)

    def __init__(self, name: str, size_bytes: int, directory: str) -> None:
        super().__init__(name, size_bytes)
        self._directory = directory

    @property
    def path(self) -> str:
        """The absolute path."""
        return os.path.join(self._directory, self.name)  # noqa: PTH118  # there may be many

    def byte_source(self) -> ByteSource:
        return LocalFile(Path(self.path), name=self.name)


class UrlListed(ListedFile):
    """A file of a store that was named by its URL."""

    __slots__ = ("_file", "_url")

    def __init__(self, url: StoreUrl) -> None:
        self._file = StoreFile(url)
        self._url = url
        super().__init__(self._file.name, self._file.size_bytes or 0)

    @property
    def suffixes(self) -> list[str]:
        """Those of the URL's path, without a query."""
        return self._url.suffixes

    @property
    def url(self) -> str:
        return self._url.url

    @property
    def version(self) -> str:
        return self._file.version()

    def byte_source(self) -> ByteSource:
        return self._file


class StoredListed(ListedFile):
    """A file of a store that a pattern or a directory has led to."""

    __slots__ = ("_version", "path", "store")

    def __init__(self, store: Store, path: str, found: FoundFile) -> None:
        super().__init__(str(StoreUrl(store.url_of(path))), found.size_bytes)
        self._version = found.version
        self.store = store
        self.path = path

    @property
    def url(self) -> str:
        return self.store.url_of(self.path)

    @property
    def version(self) -> str:
        return self._version

    def byte_source(self) -> ByteSource:
        return _StoredBytes(self)


class _StoredBytes:
    """The bytes of a listed file of a store, of which nothing needs to be asked again."""

    paths: tuple[Path, ...] = ()
    repeatable = True

    def __init__(self, file: StoredListed) -> None:
        self.name = file.name
        self.may_unpack = StoreUrl(file.name).is_of_the_web
        self.size_bytes: int | None = file.size_bytes
        self._file = file

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        with self._file.store.opened(self._file.path) as file:
            yield file, self.size_bytes or None

    def state(self) -> object:
        return None


def is_left_out(path: str) -> bool:
    """Tell whether a file below a directory, or in an archive, is hidden or a marker."""
    parts = path.strip("/").split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return hidden or parts[-1] in MARKERS
