"""A store of files that are reached by URL, through fsspec: `s3://`, `gs://`, `http://` and more.

What a store's own library raises comes out as an `OSError` of one line.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, BinaryIO, NamedTuple, cast

from batchmap.errors import UsageError
from batchmap.storage.schemes import why_unusable
from batchmap.storage.store_errors import cause_of_not_found, store_errors
from batchmap.storage.store_file import RetryingFile, comes_in_parts
from batchmap.storage.urls import StoreUrl

__all__ = ["FoundFile", "Store"]

RETRY_AFTER_S = (0.5, 1.0, 2.0)
"""How long to wait before a part of a file is asked for again."""

BLOCK_BYTES = 4 << 20
"""How much of a file one request asks for."""

WRITE_BYTES = 8 << 20
"""How much of a file one request sends at least."""

MAX_WRITES = 5000
"""In how many requests a large file is sent at most: S3 takes 10,000 parts."""

MAX_SILENCE_S = 300
"""How long a server that sends a file in one piece may send nothing."""

_STATE_KEYS = (
    "size",
    "ETag",
    "etag",
    "LastModified",
    "Last-Modified",
    "mtime",
    "modified",
    "created",
)
_LOGGERS = ("fsspec", "s3fs", "gcsfs", "botocore", "aiobotocore", "aiohttp", "asyncio")


class FoundFile(NamedTuple):
    """What a listing of a store says of a file."""

    version: str
    """Its ETag where the store has one, else what is known of its size and time of change."""
    size_bytes: int


class Store:
    """The file system that `url` is of; `path_of` turns other URLs of it into paths.

    Raises `UsageError` where the scheme is unknown, or needs a package that is missing, and
    `OSError` where opening the file system reaches out to the store and fails.
    """

    def __init__(self, url: StoreUrl) -> None:
        if (why := why_unusable(url)) is not None:
            raise UsageError(f"{url}: {why}")
        for name in _LOGGERS:  # what matters comes as an error
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with store_errors():
            self._fs, self.path = import_module("fsspec.core").url_to_fs(url.url)
        self._is_web = "http" in self._fs.protocol

    def path_of(self, url: StoreUrl) -> str:
        """Return the path of another URL, if that is of the same store."""
        return str(self._fs._strip_protocol(url.url))

    def url_of(self, path: str) -> str:
        """Return the URL of a path."""
        return str(self._fs.unstrip_protocol(path))

    # Reading --------------------------------------------------------------------------------

    def info(self, path: str) -> dict[str, Any]:
        """Return what the store knows of a file now; raises `FileNotFoundError` for none."""
        with store_errors():
            self._fs.invalidate_cache()
            try:
                return dict(self._fs.info(path))
            except FileNotFoundError as error:
                raise cause_of_not_found(error) from error

    def size_bytes(self, path: str) -> int | None:
        """Return the size of a file, `None` when it is missing."""
        try:
            found = self.info(path)
        except FileNotFoundError:
            return None
        return int(found.get("size") or 0) if found.get("type") != "directory" else None

    def state(self, path: str) -> object:
        """Return a value that changes when the file does, as far as the store notices."""
        found = self.info(path)
        return tuple(str(found[key]) for key in _STATE_KEYS if found.get(key) is not None)

    def version(self, path: str) -> str:
        """Return what tells a file's version: its ETag, or else its size and time of change."""
        return _version_of(self.info(path))

    def matches(self, pattern: str) -> dict[str, FoundFile]:
        """Return the paths of the files that match a pattern, in order, and what each is."""
        with store_errors():
            self._fs.invalidate_cache()
            found = self._fs.glob(pattern, detail=True)
        return {
            path: FoundFile(_version_of(found[path]), int(found[path].get("size") or 0))
            for path in sorted(found)
            # An empty object may stand for a directory.
            if found[path].get("type") != "directory" and not path.endswith("/")
        }

    def is_directory(self, path: str) -> bool:
        """Tell whether there is a directory of that name."""
        try:
            return self.info(path).get("type") == "directory"
        except FileNotFoundError:
            return False

    def sizes_in(self, directory: str) -> dict[str, int]:
        """Return the sizes of the files in a directory by path; there are none in a missing one."""
        with store_errors():
            self._fs.invalidate_cache()
            with suppress(FileNotFoundError):
                listed = self._fs.ls(directory, detail=True)
                return {
                    str(info["name"]): int(info.get("size") or 0)
                    for info in listed
                    if info.get("type") == "file"
                }
        return {}

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        """Open a file to be read; where the store sends parts, a lost one is asked for again."""
        with store_errors():
            file, in_parts = self._open(path)
        with file:
            yield cast(BinaryIO, RetryingFile(file, RETRY_AFTER_S if in_parts else ()))

    def _open(self, path: str) -> tuple[Any, bool]:
        """Open a file; return whether it comes in parts, and not whole as from some web servers."""
        if not self._is_web:
            return self._fs.open(path, "rb", block_size=BLOCK_BYTES), True
        if size := self.info(path).get("size"):
            file = self._fs.open(path, "rb", block_size=BLOCK_BYTES, size=size)
            if comes_in_parts(file, size):
                return file, True
        silence = import_module("aiohttp").ClientTimeout(total=None, sock_read=MAX_SILENCE_S)
        return self._fs.open(path, "rb", block_size=0, size=size or 1, timeout=silence), False

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        with store_errors():
            return bytes(self._fs.cat_file(path))

    def read_all(self, paths: list[str]) -> list[bytes]:
        """Return the bytes of files, fetched concurrently where the store can."""
        if not paths:
            return []
        with store_errors():
            # `cat` would take a name with a bracket for a pattern.
            return list(self._fs.cat_ranges(paths, None, None, on_error="raise"))

    # Writing --------------------------------------------------------------------------------

    def write(self, path: str, data: bytes) -> None:
        """Write a file whole."""
        with store_errors():
            self._fs.pipe_file(path, data)

    @contextmanager
    def draft_of(self, path: str, size_bytes: int = 0) -> Iterator[BinaryIO]:
        """Open a file to be written, of about `size_bytes`; it becomes `path` unless that fails."""
        draft = f"{path}.draft"
        block_bytes = WRITE_BYTES * -(-max(1, size_bytes) // (MAX_WRITES * WRITE_BYTES))
        with store_errors():
            try:
                with self._fs.open(draft, "wb", block_size=block_bytes) as file:
                    yield file
                self._move(draft, path)
            except BaseException:
                with suppress(Exception):
                    self._fs.rm_file(draft)
                raise

    def _move(self, path: str, new_path: str) -> None:
        """Move one file, atomically where the store can; no name is taken for a pattern."""
        general_mv = import_module("fsspec").AbstractFileSystem.mv
        if self._fs.async_impl or type(self._fs).mv is general_mv:
            self._fs.cp_file(path, new_path)
            self._fs.rm_file(path)
        else:
            self._fs.mv(path, new_path)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files; those that are missing are no error."""
        with store_errors():
            for path in paths:
                with suppress(FileNotFoundError):
                    self._fs.rm_file(path)

    def make_directory(self, path: str) -> None:
        """Make a directory where the store has them; its parent, or bucket, must exist."""
        with store_errors(), suppress(FileExistsError):
            self._fs.mkdir(path, create_parents=False)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory; most stores have none."""
        with suppress(Exception):
            self._fs.rmdir(path)


def _version_of(info: Mapping[str, Any]) -> str:
    tag = info.get("ETag") or info.get("etag")
    if tag:
        return str(tag)
    return " ".join(str(info[key]) for key in _STATE_KEYS if info.get(key) is not None)
