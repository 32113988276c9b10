"""The SQLite file of a journal: how it comes to be, is recognized, locked and checked.

A new file is written whole, with its identity, before SQLite opens it: one that SQLite has yet to
finish after a crash would look like somebody else's. What is no journal is never opened by SQLite,
which might change it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from batchmap.errors import OutputError, OutputHeldError
from batchmap.storage import create_new, sync_directory
from batchmap.storage.file_lock import lock_file

__all__ = [
    "DamagedJournalError",
    "close_journal_file",
    "create_statement",
    "holds_nothing",
    "open_journal_file",
    "remove_journal_file",
    "sqlite_errors",
]

_MAGIC = b"SQLite format 3\0"
_APPLICATION_ID = 0x50425750
_VERSION = 4
_TABLES = {
    "run": "name TEXT PRIMARY KEY, value TEXT NOT NULL, sum BLOB NOT NULL",
    "done": "id INTEGER PRIMARY KEY, first INTEGER NOT NULL, number INTEGER NOT NULL, "
    "entries BLOB NOT NULL, rows BLOB NOT NULL, output_end INTEGER NOT NULL, sum BLOB NOT NULL",
    "failed": "id INTEGER PRIMARY KEY, item INTEGER NOT NULL, entry BLOB NOT NULL, "
    "line TEXT NOT NULL, sum BLOB NOT NULL",
    "stretch": "output_end INTEGER PRIMARY KEY, digest BLOB NOT NULL, sum BLOB NOT NULL",
}

_DAMAGES = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_ERROR", "SQLITE_MISMATCH")

_held: set[tuple[int, int]] = set()
"""Device and inode of the journals that this process has open. SQLite's locks keep other processes
out, and would be lost if this one opened the file a second time and closed it."""


class DamagedJournalError(OutputError):
    """A journal that cannot be what the run wrote."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(
            f"the journal {name} is damaged ({what}), so nobody knows what the output holds",
            advice="bring it back from a copy, or {overwrite} begins anew",
        )


def create_statement(table: str, *, prefix: str = "") -> str:
    """Return the SQL that creates a table of a journal, its name after `prefix`."""
    return f"CREATE TABLE {prefix}{table} ({_TABLES[table]})"


@contextmanager
def sqlite_errors(name: str) -> Iterator[None]:
    """Turn an error of SQLite into an `OutputError` about the journal `name`."""
    try:
        yield
    except sqlite3.Error as error:
        kind = getattr(error, "sqlite_errorname", "")
        if kind.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise _held_error(name) from error
        if kind.startswith(_DAMAGES) or isinstance(error, sqlite3.DataError):
            raise DamagedJournalError(name, str(error)) from error
        raise OutputError(
            f"the journal {name} cannot be used ({error})",
            advice="see that there is room and that it may be written, then run the same "
            "command with {resume}",
        ) from error


def open_journal_file(path: Path, name: str) -> sqlite3.Connection:
    """Open the journal at `path`, created where it is missing, so that nobody else can.

    Raises `OutputHeldError` when another run holds it, `DamagedJournalError` when it is damaged,
    `OutputError` when it is no journal, one of another version, or cannot be used.
    """
    try:
        _create_or_recognize(path, name)
    except OSError as error:
        raise OutputError(
            f"the journal {name} cannot be used ({error.strerror})",
            advice="see that there is room and that it may be written, then run the same "
            "command with {resume}",
        ) from error
    with sqlite_errors(name):
        connection = sqlite3.connect(
            path.absolute(), timeout=0, isolation_level=None, check_same_thread=False
        )
        connection.text_factory = _text
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")  # of macOS, whose fsync does less
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN EXCLUSIVE")  # now, not at the first commit
            [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
            connection.execute("COMMIT")
            if found != "ok":
                raise DamagedJournalError(name, " ".join(found.split())[:100])
        except BaseException:
            connection.close()
            raise
    state = path.stat()
    _held.add((state.st_dev, state.st_ino))
    return connection


def _text(raw: bytes) -> str:
    """Return text also where it is damaged, which its row's checksum tells."""
    return raw.decode("utf-8", "surrogateescape")


def close_journal_file(connection: sqlite3.Connection, path: Path) -> None:
    """Move all that was committed into the file itself, and close it.

    Raises `sqlite3.Error` when that fails; what was committed is then in a file beside it.
    """
    try:
        [busy, *_] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError("its last commits are in its -wal file")
    finally:
        connection.close()
        with suppress(OSError):
            state = path.stat()
            _held.discard((state.st_dev, state.st_ino))


def remove_journal_file(path: Path) -> None:
    """Remove a journal that is damaged, with the files that SQLite has beside it."""
    for suffix in ("-wal", "-shm", "-journal", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    sync_directory(path.parent)


def _create_or_recognize(path: Path, name: str) -> None:
    """Write a new journal where there is none; raise `OutputError` for what is no journal."""
    with suppress(FileNotFoundError):
        state = path.stat()
        if (state.st_dev, state.st_ino) in _held:
            raise _held_error(name)
    image = _empty_journal()
    try:
        descriptor = create_new(path)
    except FileExistsError:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        if not lock_file(descriptor):  # SQLite's own locks are seen as well
            raise _held_error(name)
        start = os.read(descriptor, len(image) + 1)
        if _is_begun(start, image):
            os.lseek(descriptor, 0, os.SEEK_SET)
            left = memoryview(image)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
            sync_directory(path.parent)
            return
    finally:
        os.close(descriptor)
    if not start.startswith(_MAGIC) or int.from_bytes(start[68:72], "big") != _APPLICATION_ID:
        raise OutputError(f"{name} is not a journal of this program; move it away")
    version = int.from_bytes(start[60:64], "big")
    if version != _VERSION:
        raise OutputError(
            f"{name} is a journal of version {version}, and this program writes {_VERSION}",
            advice="go on with the program that began it, or move it and the output away",
        )


def holds_nothing(path: Path) -> bool:
    """Tell, without changing it, whether nothing was ever committed to the journal at `path`."""
    image = _empty_journal()
    try:
        with path.open("rb") as file:
            start = file.read(len(image) + 1)
        log = path.with_name(f"{path.name}-wal")
        has_log = log.exists() and log.stat().st_size > 0
    except OSError:
        return False
    return not has_log and (start == image or _is_begun(start, image))


def _is_begun(content: bytes, image: bytes) -> bool:
    """Tell whether a file is a new journal whose writing was cut short, or not durable yet.

    After a loss of power any block of it may hold zeros.
    """
    return (
        len(content) <= len(image)
        and content != image
        and all(byte in (0, new) for byte, new in zip(content, image, strict=False))
    )


def _held_error(name: str) -> OutputHeldError:
    return OutputHeldError(f"another run holds {name}; wait for its end, or write elsewhere")


def _empty_journal() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        for table in _TABLES:
            connection.execute(create_statement(table))
        image = bytearray(connection.serialize())
    image[18:20] = b"\2\2"  # it has a write-ahead log from the start
    return bytes(image)
