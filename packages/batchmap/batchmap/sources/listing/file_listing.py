"""Lists the files that several inputs name: paths, URLs, patterns and directories."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from pathlib import Path

from batchmap.errors import InputError, UsageError
from batchmap.sources.listing.glob_files import RealPaths, matching_names
from batchmap.sources.listing.glob_urls import matching_objects
from batchmap.sources.listing.listed_files import (
    MARKERS,
    ListedFile,
    LocalListed,
    StoredListed,
    UrlListed,
    is_left_out,
)
from batchmap.sources.opening.byte_sources import is_stored
from batchmap.storage import (
    Location,
    Store,
    StoreUrl,
    location_of,
    scheme_of,
    secret_of,
    why_failed,
    without_secrets,
)
from batchmap.storage.patterns import is_pattern, with_home

__all__ = ["list_files", "names_no_file"]

_DATABASES = ("sqlite", "postgresql", "postgres")


def names_no_file(spec: str) -> str | None:
    """Return what `spec` names where that is no file, pattern or directory."""
    if spec == "-":
        return "standard input"
    if scheme_of(secret_of(spec)) in _DATABASES:
        return "a database"
    path = Path(spec)
    try:
        is_pipe = path.exists() and not path.is_file() and not path.is_dir()
    except (OSError, ValueError):  # a name that no file can have
        return None
    return "a pipe or a device" if is_pipe else None


def list_files(
    specs: Sequence[str], *, excluded: Collection[Location] = (), to_read: bool = True
) -> list[ListedFile]:
    """Return the files that `specs` name now, each once, in the order of their names.

    With `to_read`, a link and what it leads to are one file, all of them can be read, and a zip
    archive stands for the files in it, as a directory does; without, names alone count.

    A directory stands for all files in it and below, but those whose names begin with a dot, or are
    in such directories; links to directories are not followed. Files of `excluded` are left out
    where no name says them. Raises `InputError` for a file that is not there, and for a pattern or
    directory without files, `UsageError` for what is no file.
    """
    own_paths = [path for path in excluded if isinstance(path, Path)]
    own_urls = [url for url in excluded if isinstance(url, StoreUrl)]
    found: dict[str, ListedFile] = {}
    for spec in specs:
        if (other := names_no_file(spec)) is not None:
            way_out = "take it alone, or save it to a file" if to_read else "name files"
            raise UsageError(
                f"{without_secrets(spec)}: {other} is none of several files to take together; "
                f"{way_out}"
            )
        location = location_of(spec)
        if isinstance(location, StoreUrl):
            files: Iterator[ListedFile] = _stored_files(location, own_urls)
        else:
            path = str(location) if "://" in spec else spec
            path = path if os.path.lexists(path) else with_home(path)
            files = _local_files(path, own_paths, to_read)
        for file in files:
            found.setdefault(file.name, file)
    in_order = [found[name] for name in sorted(found)]
    if not to_read:
        return in_order
    unpacked = chain.from_iterable(map(_with_members, _without_links(in_order)))
    return sorted(unpacked, key=lambda file: file.name)


def _local_files(spec: str, excluded: Collection[Path], to_read: bool) -> Iterator[ListedFile]:
    if _is_directory(spec):
        names = _names_below(spec, excluded)
        if not names:
            raise InputError(f"{spec}: there are no files in this directory; check the path")
    elif not os.path.lexists(spec) and is_pattern(spec):
        names = matching_names(spec, excluded=excluded)
        if not names:
            raise InputError(
                f"no file matches {spec}; check the pattern, and quote it for the shell"
            )
    else:
        names = [spec]
        _size_of(spec)
    directory = os.getcwd()  # noqa: PTH109
    for name in names:
        yield LocalListed(name, _size_of(name) if to_read else 0, directory)


def _is_directory(spec: str) -> bool:
    try:
        return os.path.isdir(spec)  # noqa: PTH112
    except ValueError:
        return False


def _size_of(name: str) -> int:
    """Return the size of a file in bytes; raises `InputError` where it cannot be read."""
    try:
        size = os.stat(name).st_size  # noqa: PTH116
    except FileNotFoundError:
        is_link = os.path.islink(name)  # noqa: PTH114
        why = "it leads to a file that is not there" if is_link else "there is no such file"
        raise InputError(f"{name or repr(name)}: {why}; check the path") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name}: cannot be read ({why}); check the path") from error
    if not os.access(name, os.R_OK):
        raise InputError(f"{name}: cannot be read (Permission denied); check the path")
    return size


def _names_below(directory: str, excluded: Collection[Path]) -> list[str]:
    real = RealPaths(excluded)
    top = directory.rstrip("/") or "/"
    names: list[str] = []
    for inside, below, files in os.walk(top, onerror=_refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        for file in files:
            name = os.path.join(inside, file)  # noqa: PTH118
            if not file.startswith(".") and file not in MARKERS and not real.is_own(name):
                names.append(name)
    return names


def _refuse(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be looked into ({error.strerror}); check its mode")


def _without_links(files: list[ListedFile]) -> list[ListedFile]:
    """Return `files` without those that are one of the others by another name or a link."""
    seen: dict[str, ListedFile] = {}
    real = RealPaths()
    for file in files:
        if isinstance(file, LocalListed):
            key = real.of(file.path)
        elif isinstance(file, StoredListed):
            key = file.store.url_of(file.path)
        else:
            key = file.name
        seen.setdefault(key, file)
    return list(seen.values())


def _with_members(file: ListedFile) -> list[ListedFile]:
    """Return the files that are in a zip archive, or else the file itself."""
    if [suffix.lower() for suffix in file.suffixes[-1:]] != [".zip"]:
        return [file]
    from batchmap.sources.listing.archived_files import files_in_archive  # for few runs only

    return files_in_archive(file)


def _stored_files(url: StoreUrl, excluded: Collection[StoreUrl]) -> Iterator[ListedFile]:
    # In a URL of the web, a question mark begins the query.
    may_match = re.search(r"[*\[]", url.url) if url.is_of_the_web else is_pattern(url.url)
    if may_match and not is_stored(url):
        found = list(_matching(url, excluded))
        if not found:
            raise InputError(f"{url}: no file matches; check the pattern")
    elif not url.is_of_the_web and _is_stored_directory(url):
        root = url.url.rstrip("/")
        found = [
            file
            for file in _matching(StoreUrl(f"{_escaped(root)}/**"), excluded)
            if not _is_hidden(file, root)
        ]
        if not found:
            raise InputError(f"{url}: there are no files in this directory; check the URL")
    else:
        found = [UrlListed(url)]
    yield from found


def _matching(pattern: StoreUrl, excluded: Collection[StoreUrl]) -> Iterator[ListedFile]:
    store, objects = matching_objects(pattern, excluded=excluded)
    for path, found in objects.items():
        yield StoredListed(store, path, found)


def _is_hidden(file: ListedFile, root: str) -> bool:
    assert isinstance(file, StoredListed)
    return is_left_out(file.path[len(file.store.path_of(StoreUrl(root))) :])


def _is_stored_directory(url: StoreUrl) -> bool:
    try:
        store = Store(url)
        return store.is_directory(store.path)
    except OSError as error:
        raise InputError(f"{url}: cannot be read ({why_failed(error)})") from error


def _escaped(url: str) -> str:
    """Return a URL whose brackets and asterisks are no pattern."""
    scheme, joint, path = url.partition("://")
    return scheme + joint + re.sub(r"([*?\[])", r"[\1]", path)
