"""What an item is known by: digests of what it says, wherever it stands.

The journal holds an entry of each item, of a fixed number of bytes that depends on the input:

    records of any kind     digest of the record
    records with a key      digest of the key's value, digest of the record
    files of a pattern      digest of the path, digest of the content, size and times of change
    objects of a pattern    digest of the URL, digest of what the store says of its version

A digest has 16 bytes. Entries stand for the same item, unchanged, where all their digests are
equal; the first one alone says which item it is, also when it has changed.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from batchmap.digests import DIGEST_BYTES, digest, digests
from batchmap.errors import InputError, UsageError
from batchmap.records import UnreadableRecord
from batchmap.sources import InputRecord, MatchingFiles, MatchingUrls, Source
from batchmap.sources.many_files import RecordsOfFiles
from batchmap.sources.python_items import identity_bytes
from batchmap.sources.sampled import whole_of
from batchmap.text import near_names

__all__ = ["DIGEST_BYTES", "Identity", "digest", "identity_of"]

_STATE = struct.Struct("<Qqq")
"""Size in bytes of a file, and when its content and its state were changed, in nanoseconds. The
latter cannot be set, as by programs that unpack archives."""

_NO_STATE = bytes(_STATE.size)

_SETTLED_NS = 2_000_000_000
"""A file may be changed again within the resolution of its time of change; one that was changed so
lately is read again the next time."""

_READ_BYTES = 1 << 20


class Identity(Protocol):
    """How the items of a source are told apart."""

    name: str
    """As the journal has it: entries of another name cannot be compared."""
    is_digest: bool
    """Whether an entry is the digest of the record's bytes, in the context of its source."""
    entry_bytes: int
    compared_bytes: int
    """How many bytes of two entries are equal where an item is the same and has not changed."""

    def entry(self, item: Any, raw: bytes, where: int, known: bytes = b"") -> bytes:
        """Return the entry of an item: its record's bytes are `raw`, its position is `where`.

        `known` is an entry that the item may have had before: a file that looks untouched since
        then is not read again.
        """
        ...

    def same(self, records: Sequence[InputRecord], known: bytes) -> int:
        """Return how many of some records at the start are what the entries `known` say."""
        ...


class _Comparing:
    """Compares records one by one; one that is known may say what its entry was before."""

    is_digest = False
    entry_bytes: int
    compared_bytes: int

    def entry(self, item: Any, raw: bytes, where: int, known: bytes = b"") -> bytes:
        raise NotImplementedError

    def same(self, records: Sequence[InputRecord], known: bytes) -> int:
        size, compared = self.entry_bytes, self.compared_bytes
        for number, (item, raw, where) in enumerate(records):
            before = known[number * size : (number + 1) * size]
            if self.entry(item, raw, where, before)[:compared] != before[:compared]:
                return number
        return len(records)


class _Records(_Comparing):
    name = "record"
    entry_bytes = compared_bytes = DIGEST_BYTES

    def __init__(self, source: Source) -> None:
        self._context = _contexts(source)
        self._is_of_many_files = isinstance(source, RecordsOfFiles)
        self.is_digest = not self._is_of_many_files

    def same(self, records: Sequence[InputRecord], known: bytes) -> int:
        if self._is_of_many_files:
            entries = b"".join([self.entry(*record) for record in records])
        else:
            entries = digests((raw for _, raw, _ in records), self._context(0))
        if entries == known[: len(entries)]:  # as mostly, and quicker than one by one
            return len(records)
        return super().same(records, known)

    def entry(self, item: Any, raw: bytes, where: int, known: bytes = b"") -> bytes:
        return digest(raw, self._context(where))


class _KeyedRecords(_Comparing):
    """Raises `InputError` where the first item lacks the field; a later one is its whole record."""

    entry_bytes = compared_bytes = 2 * DIGEST_BYTES

    def __init__(self, field: str, source: Source) -> None:
        self.name = f"key {field}"
        self._field = field
        self._source = source
        self._context = _contexts(source)
        self._is_checked = False
        if source.repeatable:  # an output is not to be begun for a name that is wrong
            for item, _, where in source.records():
                if not isinstance(item, UnreadableRecord):
                    self._check(item, where)
                    break

    def entry(self, item: Any, raw: bytes, where: int, known: bytes = b"") -> bytes:
        whole = digest(raw, self._context(where))
        if isinstance(item, UnreadableRecord):
            return whole + whole
        if not self._is_checked:
            self._check(item, where)
        if not isinstance(item, Mapping) or self._field not in item:
            return whole + whole
        return digest(identity_bytes(item[self._field])) + whole

    def _check(self, item: Any, where: int) -> None:
        self._is_checked = True
        place, field = self._source.place(where), f"{self._field!r:.60}"
        if not isinstance(item, Mapping):
            raise InputError(f"{field}: {place} has no fields", option="key")
        if self._field not in item:
            names = [str(name) for name in item]
            near = near_names(self._field, names) or f"; it has {', '.join(names)[:200]}"
            raise InputError(f"{field}: {place} has no such field{near}", option="key")


class _Files(_Comparing):
    name = "file"
    entry_bytes = 2 * DIGEST_BYTES + _STATE.size
    compared_bytes = 2 * DIGEST_BYTES

    def __init__(self, source: MatchingFiles) -> None:
        self._paths = source.paths

    def entry(self, item: Any, raw: bytes, where: int, known: bytes = b"") -> bytes:
        path = self._paths[where - 1]
        name, state = digest(raw), _NO_STATE
        with suppress(OSError, struct.error):
            found = path.stat()
            times = found.st_mtime_ns, found.st_ctime_ns
            if time.time_ns() - max(times) > _SETTLED_NS:
                state = _STATE.pack(found.st_size, *times)
        if state != _NO_STATE and known.startswith(name) and known.endswith(state):
            return known
        return name + _content_digest(path) + state


class _Objects(_Comparing):
    name = "url"
    entry_bytes = compared_bytes = 2 * DIGEST_BYTES

    def __init__(self, source: MatchingUrls) -> None:
        self._version = source.version

    def entry(self, item: Any, raw: bytes, where: int, known: bytes = b"") -> bytes:
        return digest(raw) + digest(self._version(where).encode())


def identity_of(source: Source, key: str | None) -> Identity:
    """Return how the items of `source` are told apart, by the field `key` where that is given.

    Raises `UsageError` for a key where items are names of files.
    """
    source = whole_of(source)
    if isinstance(source, MatchingFiles | MatchingUrls):
        if key is not None:
            raise UsageError(
                f"the items of {source.name} are names of files, which have no fields", option="key"
            )
        return _Files(source) if isinstance(source, MatchingFiles) else _Objects(source)
    return _Records(source) if key is None else _KeyedRecords(key, source)


def _contexts(source: Source) -> Callable[[int], bytes]:
    """Return what says, by a record's position, what the record means beside its bytes.

    That are the names of a header, or the format of the one of many files that it is in.
    """
    if isinstance(source, RecordsOfFiles):
        return source.context_of
    return lambda where: getattr(source, "context", b"")


def _content_digest(path: Path) -> bytes:
    """Return the digest of a file's content; of one that cannot be read, that of the reason."""
    found = blake2b(digest_size=DIGEST_BYTES)
    try:
        for block in _blocks(path):
            found.update(block)
    except OSError as error:
        return digest(f"cannot be read: {error.errno}".encode())
    return found.digest()


def _blocks(path: Path) -> Iterator[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_BINARY", 0))
    try:
        while block := os.read(descriptor, _READ_BYTES):
            yield block
    finally:
        os.close(descriptor)
