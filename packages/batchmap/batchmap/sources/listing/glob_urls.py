"""Reads the URLs of the files of a store that match a pattern, as items."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from batchmap.errors import InputError
from batchmap.sources.base import InputRecord
from batchmap.storage import FoundFile, Store, StoreUrl, why_failed
from batchmap.storage.patterns import alternatives

__all__ = ["MatchingUrls", "matching_objects", "matching_urls"]


def matching_objects(
    pattern: StoreUrl, *, excluded: Collection[StoreUrl] = ()
) -> tuple[Store, dict[str, FoundFile]]:
    """Return the files of a store that match `pattern` now, by path and in order, and the store.

    Those of `excluded`, and files in directories of these names, are left out. Raises `InputError`
    when the store cannot be reached.
    """
    try:
        store = Store(pattern)
        found = {
            path: file
            for one in alternatives(store.path)
            for path, file in store.matches(one).items()
        }
        own = {store.path_of(url) for url in excluded}
    except OSError as error:
        raise InputError(f"{pattern}: cannot be looked into ({why_failed(error)})") from error
    below = tuple(f"{path}/" for path in own)
    return store, {
        path: found[path]
        for path in sorted(found)
        if path not in own and not path.startswith(below)
    }


def matching_urls(pattern: StoreUrl, *, excluded: Collection[StoreUrl] = ()) -> MatchingUrls:
    """Return the source of the URLs that match `pattern`; raises `InputError` when none does."""
    store, found = matching_objects(pattern, excluded=excluded)
    if not found:
        raise InputError(f"{pattern}: no file matches; check the pattern")
    return MatchingUrls(
        str(pattern), {store.url_of(path): file.version for path, file in found.items()}
    )


class MatchingUrls:
    """The URLs that `versions` map to what the store says of the version of each.

    They were listed once: files that are added meanwhile would shift the indexes of the others.
    """

    repeatable = True
    paths: tuple[Path, ...] = ()
    size_bytes: int | None = None

    def __init__(self, name: str, versions: Mapping[str, str]) -> None:
        self.name = name
        self._versions = versions
        self._urls = list(versions)
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
