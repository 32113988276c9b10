"""Reads the URLs of the files of a store that match a pattern, as items."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from batchmap.errors import InputError
from batchmap.sources.base import InputRecord
from batchmap.storage import Store, StoreUrl, why_failed
from batchmap.storage.patterns import alternatives

__all__ = ["MatchingUrls"]


class MatchingUrls:
    """The URLs of the files that match `pattern` now, sorted.

    Those of `excluded`, and files in directories of these names, are no items. Raises `InputError`
    when no file matches, or the store cannot be reached.
    """

    repeatable = True
    paths: tuple[Path, ...] = ()
    size_bytes: int | None = None

    def __init__(self, pattern: StoreUrl, *, excluded: Collection[StoreUrl] = ()) -> None:
        self.name = str(pattern)
        try:
            store = Store(pattern)
            own = {store.path_of(url) for url in excluded}
            # Listed once: files that are added meanwhile would shift the indexes of the others.
            found = [store.matches(one) for one in alternatives(store.path)]
        except OSError as error:
            raise InputError(f"{pattern}: cannot be looked into ({why_failed(error)})") from error
        versions = {path: version for one in found for path, version in one.items()}
        below = tuple(f"{path}/" for path in own)
        self._versions = {
            store.url_of(path): version
            for path, version in sorted(versions.items())
            if path not in own and not path.startswith(below)
        }
        self._urls = list(self._versions)
        if not self._urls:
            raise InputError(f"{pattern}: no file matches; check the pattern")
        self.total: int | None = len(self._urls)
        self._read = 0

    def records(self) -> Iterator[InputRecord]:
        self._read = 0
        for url in self._urls:
            self._read += 1
            yield url, url.encode("utf-8", "surrogateescape"), self._read

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return self.records()

    def state(self) -> object:
        return None

    def place(self, where: int) -> str:
        return str(StoreUrl(self._urls[where - 1]))

    def version(self, where: int) -> str:
        """Return what the store says of the version of a file: its ETag, or else size and time."""
        return self._versions[self._urls[where - 1]]

    def fraction(self) -> float | None:
        return self._read / len(self._urls)
