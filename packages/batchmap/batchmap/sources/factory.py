"""Opens the source that a text names: a file, a pattern, a URL, a query or standard input.

To add a format of files that are read from front to back, write a function from blocks of bytes to
records, and add a row to `sources/stream_formats.py`. For any other source, write a module with a
class that keeps the promises of `Source` (`sources/base.py`), and open it here. Name a new format
and its suffix in `storage/formats.py`, and add a builder of its inputs to `BUILDERS` in
`tests/test_sources_contract.py`. A package that it needs is imported by
`batchmap.optional.require`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from batchmap.errors import InputError, UsageError
from batchmap.sources.base import Source
from batchmap.sources.byte_sources import ByteSource, LocalFile, StandardInput, StoreFile, is_stored
from batchmap.sources.database_url import parse_postgresql, parse_sqlite
from batchmap.sources.decompression import COMPRESSIONS
from batchmap.sources.glob_files import MatchingFiles
from batchmap.sources.glob_urls import MatchingUrls
from batchmap.sources.parquet import ParquetRows
from batchmap.sources.postgresql import PostgresqlRows
from batchmap.sources.reading_options import AS_USUAL, ReadingOptions
from batchmap.sources.selected_columns import selected
from batchmap.sources.spool import Spooled
from batchmap.sources.sqlite import SqliteRows
from batchmap.sources.stream_formats import StreamedSource
from batchmap.storage import (
    INPUT_FORMATS,
    INPUT_SUFFIXES,
    Location,
    StoreUrl,
    location_of,
    scheme_of,
    secret_of,
    why_unreadable,
)
from batchmap.storage.formats import MAX_RECORD_BYTES
from batchmap.text import near_names

__all__ = ["open_source"]


def open_source(
    spec: str,
    *,
    input_format: str | None = None,
    reading: ReadingOptions = AS_USUAL,
    max_record_bytes: int = MAX_RECORD_BYTES,
    excluded: Collection[Location] = (),
    stopped: Callable[[], bool] = bool,
    repeatable: bool = False,
) -> Source:
    """Return the source that `spec` names: `-`, a database's URL, a file or a pattern.

    Files and patterns may be URLs of stores that fsspec knows.

    `input_format`, one of `INPUT_FORMATS`, overrides what the file's name says; `reading` says more
    of how it is read. A line of more than
    `max_record_bytes` is a record that cannot be read. Files of
    `excluded` match no pattern, nor do files in such a directory of a store. A wait for standard
    input ends once `stopped` says so, as if the input had ended. With `repeatable`, standard input
    and pipes are kept in a temporary file, so that they can be read twice. Raises `UsageError` for
    a `spec` that makes no sense, `InputError` for an input that cannot be read; standard input,
    pipes and databases are opened only when they are read.
    """
    spec = secret_of(spec)
    if input_format is not None and input_format not in INPUT_FORMATS:
        hint = near_names(input_format, INPUT_FORMATS)
        known = ", ".join(INPUT_FORMATS)
        raise UsageError(
            f"must be one of {known}, got {input_format!r:.60}{hint}", option="input_format"
        )
    if spec == "-":
        return _standard_input(
            input_format or "text", reading, stopped, max_record_bytes, repeatable
        )
    scheme = scheme_of(spec)
    if scheme in _DATABASES:
        return selected(_database(spec, scheme, input_format, reading), reading.select)
    location = location_of(spec)
    if isinstance(location, StoreUrl):
        return _stored(location, input_format, reading, excluded, max_record_bytes)
    spec = spec if scheme is None else str(location)
    if not _exists(spec) and re.search(r"[*?\[]", spec):
        _refuse_format(input_format, reading, "the items of a pattern are its files' paths")
        own = [path for path in excluded if isinstance(path, Path)]
        return MatchingFiles(spec, excluded=own)
    return _file(spec, input_format, reading, max_record_bytes, repeatable)


def _standard_input(
    input_format: str,
    reading: ReadingOptions,
    stopped: Callable[[], bool],
    max_record_bytes: int,
    repeatable: bool,
) -> Source:
    if input_format == "parquet":
        raise UsageError("Parquet cannot be read from standard input; name the file instead of -")
    stream: ByteSource = StandardInput(stopped)
    if repeatable:
        stream = Spooled(stream)
    return _streamed(stream, input_format, reading, max_record_bytes)


_DATABASES = ("sqlite", "postgresql", "postgres")


def _database(url: str, scheme: str, input_format: str | None, reading: ReadingOptions) -> Source:
    only_selected = replace(reading, select=None)
    _refuse_format(input_format, only_selected, "the items of a query are its rows")
    rest = url[len(scheme) :]
    if scheme == "sqlite":
        return SqliteRows(*parse_sqlite(scheme + rest))
    return PostgresqlRows(parse_postgresql(scheme + rest))


def _stored(
    url: StoreUrl,
    input_format: str | None,
    reading: ReadingOptions,
    excluded: Collection[Location],
    max_record_bytes: int,
) -> Source:
    # In a URL of the web, a question mark begins the query.
    magic = r"[*\[]" if url.is_of_the_web else r"[*?\[]"
    if re.search(magic, url.url) and not is_stored(url):
        _refuse_format(input_format, reading, "the items of a pattern are its files' URLs")
        own = [url for url in excluded if isinstance(url, StoreUrl)]
        return MatchingUrls(url, excluded=own)
    return _records_of(StoreFile(url), url.suffixes, input_format, reading, max_record_bytes)


def _refuse_format(input_format: str | None, reading: ReadingOptions, why: str) -> None:
    given = [] if input_format is None else [f"{{input_format:{input_format}}}"]
    given += [f"{{{name}:}}" for name in reading.given()]
    if given:
        raise UsageError(why, advice=f"leave out {', '.join(given)}, or name one file")


def _exists(spec: str) -> bool:
    try:
        return Path(spec).exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _file(
    spec: str,
    input_format: str | None,
    reading: ReadingOptions,
    max_record_bytes: int,
    repeatable: bool,
) -> Source:
    path = Path(spec)
    # Opening a pipe to see whether it can be read would take bytes from it.
    is_pipe = _exists(spec) and not path.is_file() and not path.is_dir()
    if not is_pipe and (why := why_unreadable(path)):
        if _exists(spec) and path.is_dir():
            why += f", or a quoted pattern such as '{Path(spec or '.', '*')}'"
        raise InputError(f"{spec or repr(spec)}: {why}")
    file: ByteSource = LocalFile(path, name=spec)
    if repeatable and not file.repeatable:
        file = Spooled(file)
    return _records_of(file, path.suffixes, input_format, reading, max_record_bytes)


def _records_of(
    byte_source: ByteSource,
    suffixes: list[str],
    input_format: str | None,
    reading: ReadingOptions,
    max_record_bytes: int,
) -> Source:
    """Return the records of a file in `input_format`, by default the one that its name says."""
    suffixes = [suffix.lower() for suffix in suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSIONS else ""
    suffix = suffixes[-1] if suffixes else ""
    input_format = input_format or INPUT_SUFFIXES.get(suffix, "text")
    if input_format == "parquet":
        if compression or not byte_source.repeatable:
            raise UsageError(
                f"{byte_source.name}: Parquet is read from a plain file only; save it as one"
            )
        reading.check_format(input_format, byte_source.name)
        return selected(ParquetRows(byte_source, columns=reading.select), reading.select)
    if suffix == ".tsv" and input_format == "csv":
        input_format = "tsv"
    return _streamed(byte_source, input_format, reading, max_record_bytes, compression)


def _streamed(
    byte_source: ByteSource,
    input_format: str,
    reading: ReadingOptions,
    max_record_bytes: int,
    compression: str = "",
) -> Source:
    usual_delimiter = ","
    if input_format == "tsv":
        input_format, usual_delimiter = "csv", "\t"
    reading.check_format(input_format, byte_source.name)
    source = StreamedSource(
        byte_source,
        input_format,
        compression=compression,
        usual_delimiter=usual_delimiter,
        reading=reading,
        max_record_bytes=max_record_bytes,
    )
    return selected(source, reading.select)
