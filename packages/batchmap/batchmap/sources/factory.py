"""Opens the source that a text names: a file, a pattern, a URL, a query or standard input.

To add a format of files that are read from front to back, write a function from blocks of bytes to
records, and add a row to `sources/stream_formats.py`. For any other source, write a module with a
class that keeps the promises of `Source` (`sources/base.py`), and open it here. Name a new format
and its suffix in `storage/formats.py`, and add a builder of its inputs to `BUILDERS` in
`tests/test_sources_contract.py`. A package that it needs is imported by
`batchmap.optional.require`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from batchmap.errors import InputError, UsageError
from batchmap.sources.base import Source
from batchmap.sources.guarded import errors_of_reading, guarded
from batchmap.sources.listing.glob_files import MatchingFiles, matching_files
from batchmap.sources.listing.glob_urls import MatchingUrls, matching_urls
from batchmap.sources.listing.listed_files import ListedFile
from batchmap.sources.opening.byte_sources import (
    ByteSource,
    LocalFile,
    StandardInput,
    StoreFile,
    is_stored,
)
from batchmap.sources.opening.opened_file import HowToRead, open_file
from batchmap.sources.reading_options import AS_USUAL, ReadingOptions
from batchmap.sources.selected_columns import selected
from batchmap.storage import (
    INPUT_FORMATS,
    Location,
    StoreUrl,
    location_of,
    scheme_of,
    secret_of,
    why_unreadable,
    without_secrets,
)
from batchmap.storage.formats import MAX_RECORD_BYTES
from batchmap.storage.patterns import is_pattern, with_home
from batchmap.text import near_names

__all__ = ["open_source"]


def open_source(
    spec: str | ListedFile,
    *,
    input_format: str | None = None,
    reading: ReadingOptions = AS_USUAL,
    max_record_bytes: int = MAX_RECORD_BYTES,
    json_path: str | None = None,
    excluded: Collection[Location] = (),
    stopped: Callable[[], bool] = bool,
    repeatable: bool = False,
) -> Source:
    """Return the source that `spec` names: `-`, a database's URL, a file or a pattern.

    Files and patterns may be URLs of stores that fsspec knows. A file that was listed is that file,
    whatever its name looks like.

    `input_format`, one of `INPUT_FORMATS`, overrides what the file's name says; `reading` says more
    of how it is read. A line of more than `max_record_bytes` is a record that cannot be read. Of
    JSON, the array that lies under the keys of `json_path` is read. Files of
    `excluded` match no pattern, nor do files in such a directory of a store. A wait for standard
    input ends once `stopped` says so, as if the input had ended. With `repeatable`, standard input
    and pipes are kept in a temporary file, so that they can be read twice. Raises `UsageError` for
    a `spec` that makes no sense, `InputError` for an input that cannot be read; standard input,
    pipes and databases are opened only when they are read.
    """
    how = HowToRead(input_format, max_record_bytes, json_path, reading)
    name = spec.name if isinstance(spec, ListedFile) else without_secrets(secret_of(spec))
    with errors_of_reading(name):
        source = _opened(spec, how, excluded, stopped=stopped, repeatable=repeatable)
    # What has no content of its own is told apart by its class.
    return source if isinstance(source, MatchingFiles | MatchingUrls) else guarded(source)


def _opened(
    spec: str | ListedFile,
    how: HowToRead,
    excluded: Collection[Location],
    *,
    stopped: Callable[[], bool],
    repeatable: bool,
) -> Source:
    input_format = how.input_format
    if input_format is not None and input_format not in INPUT_FORMATS:
        hint = near_names(input_format, INPUT_FORMATS)
        known = ", ".join(INPUT_FORMATS)
        raise UsageError(
            f"must be one of {known}, got {input_format!r:.60}{hint}", option="input_format"
        )
    if isinstance(spec, ListedFile):
        return open_file(spec.byte_source(), spec.suffixes, how)
    spec = secret_of(spec)
    if spec == "-":
        return _standard_input(how, stopped, repeatable)
    scheme = scheme_of(spec)
    if scheme in _DATABASES:
        return selected(_database(spec, scheme, how), how.reading.select)
    location = location_of(spec)
    if isinstance(location, StoreUrl):
        return _stored(location, how, excluded)
    spec = spec if scheme is None else str(location)
    spec = spec if _exists(spec) else with_home(spec)
    if not _exists(spec) and is_pattern(spec):
        _refuse_format(how, "the items of a pattern are its files' paths")
        own = [path for path in excluded if isinstance(path, Path)]
        return matching_files(spec, excluded=own)
    if _exists(spec) and Path(spec).is_dir():
        from batchmap.sources.parquet.directory import ParquetDirectory, is_parquet_directory

        own = [path for path in excluded if isinstance(path, Path)]
        if input_format == "parquet" or (input_format is None and is_parquet_directory(Path(spec))):
            how.reading.check_format("parquet", spec)
            directory = ParquetDirectory(Path(spec), name=spec, excluded=own)
            return selected(directory, how.reading.select)
    return _file(spec, how, repeatable)


def _standard_input(how: HowToRead, stopped: Callable[[], bool], repeatable: bool) -> Source:
    for name, noun in {"parquet": "Parquet", "xlsx": "Excel"}.items():
        if how.input_format == name:
            raise UsageError(
                f"{noun} cannot be read from standard input; name the file instead of -"
            )
    stream: ByteSource = StandardInput(stopped)
    return open_file(_spooled(stream) if repeatable else stream, [], how)


def _spooled(stream: ByteSource) -> ByteSource:
    from batchmap.sources.opening.spool import Spooled  # which few inputs need

    return Spooled(stream)


_OF_DIRECTORY = "{rows} takes the rows of all files in it"

_DATABASES = ("sqlite", "postgresql", "postgres")


def _database(url: str, scheme: str, how: HowToRead) -> Source:
    only_selected = how._replace(reading=replace(how.reading, select=None))
    _refuse_format(only_selected, "the items of a query are its rows")
    rest = url[len(scheme) :]
    from batchmap.sources.database.url import parse_postgresql, parse_sqlite

    if scheme == "sqlite":
        from batchmap.sources.database.sqlite import SqliteRows

        return SqliteRows(*parse_sqlite(scheme + rest))
    from batchmap.sources.database.postgresql import PostgresqlRows

    return PostgresqlRows(parse_postgresql(scheme + rest))


def _stored(url: StoreUrl, how: HowToRead, excluded: Collection[Location]) -> Source:
    # In a URL of the web, a question mark begins the query.
    may_match = re.search(r"[*\[]", url.url) if url.is_of_the_web else is_pattern(url.url)
    if may_match and not is_stored(url):
        _refuse_format(how, "the items of a pattern are its files' URLs")
        own = [url for url in excluded if isinstance(url, StoreUrl)]
        return matching_urls(url, excluded=own)
    return open_file(StoreFile(url), url.suffixes, how)


def _refuse_format(how: HowToRead, why: str) -> None:
    given = [
        f"{{{name}:{value}}}"
        for name in ("input_format", "json_path")
        if (value := getattr(how, name)) is not None
    ]
    given += [f"{{{name}:}}" for name in how.reading.given()]
    if given:
        raise UsageError(
            why,
            advice=f"leave out {', '.join(given)}, or name one file; for a pattern, {{rows}} reads "
            "what is in its files",
        )


def _exists(spec: str) -> bool:
    try:
        return Path(spec).exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _for_directory(path: Path) -> str:
    """Return what else to do with a directory than to name a file in it."""
    with contextlib.suppress(OSError):
        if tables := sorted(path.glob("*.parquet")):
            return f", such as {tables[0]}; it holds {len(tables)} of Parquet"
    return f", or a quoted pattern such as '{path / '*'}'"


def _file(spec: str, how: HowToRead, repeatable: bool) -> Source:
    path = Path(spec)
    # Opening a pipe to see whether it can be read would take bytes from it.
    is_pipe = _exists(spec) and not path.is_file() and not path.is_dir()
    if not is_pipe and (why := why_unreadable(path)):
        if _exists(spec) and path.is_dir():
            why += _for_directory(path)
            raise InputError(f"{spec or repr(spec)}: {why}", advice=_OF_DIRECTORY)
        raise InputError(f"{spec or repr(spec)}: {why}")
    file: ByteSource = LocalFile(path, name=spec)
    if repeatable and not file.repeatable:
        file = _spooled(file)
    return open_file(file, path.suffixes, how)
