"""Files that are reached by URL, through fsspec: `s3://`, `gs://`, `http://` and many more.

What a store's own library raises comes out as an `OSError` of one line.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, BinaryIO, cast

from batchmap.errors import BatchmapError, UsageError
from batchmap.storage.urls import StoreUrl
from batchmap.text import near_names

__all__ = ["Store", "is_same_file", "store_errors", "why_failed", "why_unusable"]

INSTALL = "pip install -r requirements-urls.txt"

RETRY_AFTER_S = (0.5, 1.0, 2.0)
"""How long to wait before a part of a file is asked for again."""

BLOCK_BYTES = 4 << 20
"""How much of a file one request asks for."""

WRITTEN_BYTES = 8 << 20
MOST_BLOCKS = 5000
"""How much of a large file one request sends at least, and in how many it must be sent at most:
S3 takes 10,000 parts."""

SILENCE_S = 300
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
_NOT_AGAIN = (FileNotFoundError, PermissionError, IsADirectoryError)


class Store:
    """The file system that `url` is of. Paths are what `path_of` makes of URLs of the same store.

    Raises `UsageError` where the scheme is unknown, or needs a package that is missing, and
    `OSError` where the store cannot be reached, if that is tried already.
    """

    def __init__(self, url: StoreUrl) -> None:
        if (why := why_unusable(url)) is not None:
            raise UsageError(f"{url}: {why}")
        for name in _LOGGERS:  # we tell what matters
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
        """Return what the store tells of a file now; raises `FileNotFoundError` for none."""
        with store_errors():
            self._fs.invalidate_cache()
            try:
                return dict(self._fs.info(path))
            except FileNotFoundError as error:
                raise _why_not_found(error) from error

    def size_bytes(self, path: str) -> int | None:
        """Return the size of a file, `None` when it is missing."""
        try:
            found = self.info(path)
        except FileNotFoundError:
            return None
        return int(found.get("size") or 0) if found.get("type") != "directory" else None

    def state(self, path: str) -> object:
        """Return what tells whether a file is as it was, as far as the store knows."""
        found = self.info(path)
        return tuple(str(found[key]) for key in _STATE_KEYS if found.get(key) is not None)

    def matches(self, pattern: str) -> list[str]:
        """Return the paths of the files that match a pattern."""
        with store_errors():
            self._fs.invalidate_cache()
            found = self._fs.glob(pattern, detail=True)
        return sorted(path for path, told in found.items() if told.get("type") != "directory")

    def sizes_in(self, directory: str) -> dict[str, int]:
        """Return the sizes of the files in a directory by path; there are none in a missing one."""
        with store_errors():
            self._fs.invalidate_cache()
            with suppress(FileNotFoundError):
                listed = self._fs.ls(directory, detail=True)
                return {
                    str(told["name"]): int(told.get("size") or 0)
                    for told in listed
                    if told.get("type") == "file"
                }
        return {}

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        """Open a file to read; where the store sends parts, one that fails is asked for again."""
        with store_errors():
            file, comes_in_parts = self._open(path)
        with file:
            yield cast(BinaryIO, _OpenedFile(file, RETRY_AFTER_S if comes_in_parts else ()))

    def _open(self, path: str) -> tuple[Any, bool]:
        """Open a file, and tell whether it comes in parts, or whole as some web servers send it."""
        if not self._is_web:
            return self._fs.open(path, "rb", block_size=BLOCK_BYTES), True
        if size := self.info(path).get("size"):
            file = self._fs.open(path, "rb", block_size=BLOCK_BYTES, size=size)
            if _comes_in_parts(file, size):
                return file, True
        silence = import_module("aiohttp").ClientTimeout(total=None, sock_read=SILENCE_S)
        return self._fs.open(path, "rb", block_size=0, size=size or 1, timeout=silence), False

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        with store_errors():
            return bytes(self._fs.cat_file(path))

    def read_all(self, paths: list[str]) -> list[bytes]:
        """Return the bytes of files, fetched side by side where the store can."""
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
        """Give a file to write to, of about that size, that becomes `path` if all goes well."""
        draft = f"{path}.draft"
        block_bytes = WRITTEN_BYTES * -(-max(1, size_bytes) // (MOST_BLOCKS * WRITTEN_BYTES))
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
        """Move one file, at a stroke where the store can; no name is taken for a pattern."""
        general_mv = import_module("fsspec").AbstractFileSystem.mv
        if self._fs.async_impl or type(self._fs).mv is general_mv:
            self._fs.cp_file(path, new_path)
            self._fs.rm_file(path)
        else:
            self._fs.mv(path, new_path)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files; those that are missing are no fault."""
        with store_errors():
            for path in paths:
                with suppress(FileNotFoundError):
                    self._fs.rm_file(path)

    def make_directory(self, path: str) -> None:
        """Make a directory where the store has such; its parent, or bucket, must be there."""
        with store_errors(), suppress(FileExistsError):
            self._fs.mkdir(path, create_parents=False)

    def remove_directory(self, path: str) -> None:
        """Remove a directory that is empty; most stores have none."""
        with suppress(Exception):
            self._fs.rmdir(path)


class _OpenedFile:
    """A file of a store: reading it again after each wait, when that fails."""

    def __init__(self, file: Any, waits_s: Sequence[float]) -> None:
        self._file = file
        self._waits_s = waits_s
        buffered = import_module("fsspec.spec").AbstractBufferedFile
        self._size_bytes = file.size if waits_s and isinstance(file, buffered) else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        """Return at most so many bytes; raises `OSError` when they do not come."""
        for wait_s in self._waits_s:
            try:
                return self._read(size)
            except _NOT_AGAIN:
                raise
            except Exception as error:
                if getattr(error, "errno", None) == errno.EBUSY:  # it was changed meanwhile
                    raise
                time.sleep(wait_s)
        with store_errors():
            return self._read(size)

    def _read(self, size: int) -> bytes:
        data = bytes(self._file.read(size))
        if not data and size and self._size_bytes and self._file.tell() < self._size_bytes:
            raise OSError(f"it ended after {self._file.tell()} of {self._size_bytes} bytes")
        return data


def is_same_file(one: StoreUrl, other: StoreUrl) -> bool:
    """Tell whether two URLs are of one file, as `s3://b/x` and `s3a://b/x` are."""
    if one == other:
        return True
    if why_unusable(one) or why_unusable(other):
        return False
    known = import_module("fsspec").get_filesystem_class
    first, second = known(one.scheme), known(other.scheme)
    return bool(
        first is second and first._strip_protocol(one.url) == second._strip_protocol(other.url)
    )


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what a store's library raises into an `OSError` of one line."""
    try:
        yield
    except (OSError, ImportError, BatchmapError):
        raise
    except Exception as error:
        raise OSError(why_failed(Exception(f"{type(error).__name__}: {error}"))) from error


def why_failed(error: Exception) -> str:
    """Return what an error says in one line that is not too long, its type if that is nothing."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def _comes_in_parts(file: Any, size: int) -> bool:
    try:
        file.seek(size - 1)
        has_last = len(file.read(1)) == 1  # nothing comes where a server refuses the part
        file.seek(0)
    except ValueError:
        return False
    return has_last


def _why_not_found(error: FileNotFoundError) -> OSError:
    """Return the error that was meant: of the web, any is told as a missing file."""
    cause = error.__cause__
    status = getattr(cause, "status", None)
    if status == 0:  # no answer at all
        return OSError(type(cause).__name__)
    if status not in (None, 404, 410):
        return OSError(f"the server answered {status} {getattr(cause, 'message', '')}".strip())
    if status is None and isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
        return OSError(why_failed(cause))
    return FileNotFoundError(errno.ENOENT, "there is no such file")


def why_unusable(url: StoreUrl) -> str | None:
    """Return why no file can be reached by `url`, `None` when nothing speaks against it."""
    try:
        fsspec = import_module("fsspec")
        known: list[str] = fsspec.available_protocols()
        if url.scheme in known:
            fsspec.get_filesystem_class(url.scheme)
            return None
    except ImportError as error:
        hint = near_names(url.scheme, ["sqlite", "postgresql"])
        return f"needs a package ({error}); {INSTALL}{hint}"
    hint = near_names(url.scheme, ["sqlite", "postgresql", *known])
    return (
        f"{url.scheme}:// is not known{hint}; known are sqlite:///, postgresql://, s3://, "
        "gs://, http://, https:// and what else fsspec has"
    )
