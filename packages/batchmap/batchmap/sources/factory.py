"""Which source a word on the command line means."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
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
from batchmap.sources.sqlite import SqliteRows
from batchmap.sources.stream_source import StreamedSource
from batchmap.storage import Location, StoreUrl, location_of, scheme_of
from batchmap.storage.formats import INPUT_FORMATS, INPUT_SUFFIXES
from batchmap.storage.paths import why_unreadable
from batchmap.text import near_names

__all__ = ["open_source"]


def open_source(
    spec: str,
    *,
    input_format: str | None = None,
    excluded: Collection[Location] = (),
    stopped: Callable[[], bool] = bool,
) -> Source:
    """Return the source that `spec` names: `-`, a database's URL, a file or a pattern.

    Files and patterns may be URLs of stores that fsspec knows.

    `input_format`, one of `INPUT_FORMATS`, overrides what the file's name says. Files of
    `excluded` match no pattern, nor does what is in such a directory of a store. A wait for more of
    standard input ends once `stopped` says so, as if the input had ended. Raises
    `UsageError` for words that make no sense, `InputError` for an input that cannot be read;
    standard input, pipes and databases are opened only when walked.
    """
    if input_format is not None and input_format not in INPUT_FORMATS:
        hint = near_names(input_format, INPUT_FORMATS)
        known = ", ".join(INPUT_FORMATS)
        raise UsageError(f"--input-format must be one of {known}, got {input_format!r:.60}{hint}")
    if spec == "-":
        return _standard_input(input_format or "text", stopped)
    scheme = scheme_of(spec)
    if scheme in _DATABASES:
        return _database(spec, scheme, input_format)
    place = location_of(spec)
    if isinstance(place, StoreUrl):
        return _stored(place, input_format, excluded)
    spec = spec if scheme is None else str(place)
    if not _exists(spec) and re.search(r"[*?\[]", spec):
        _refuse_format(input_format, "the items of a pattern are its files' paths")
        own = [path for path in excluded if isinstance(path, Path)]
        return MatchingFiles(spec, excluded=own)
    return _file(spec, input_format)


def _standard_input(input_format: str, stopped: Callable[[], bool]) -> Source:
    if input_format == "parquet":
        raise UsageError("Parquet cannot be read from standard input; name the file instead of -")
    return StreamedSource(StandardInput(stopped), input_format)


_DATABASES = ("sqlite", "postgresql", "postgres")


def _database(url: str, scheme: str, input_format: str | None) -> Source:
    _refuse_format(input_format, "the items of a query are its rows")
    rest = url[len(scheme) :]
    if scheme == "sqlite":
        return SqliteRows(*parse_sqlite(scheme + rest))
    return PostgresqlRows(parse_postgresql(scheme + rest))


def _stored(url: StoreUrl, input_format: str | None, excluded: Collection[Location]) -> Source:
    # A question mark begins what a web server is asked for.
    magic = r"[*\[]" if url.is_of_the_web else r"[*?\[]"
    if re.search(magic, url.url) and not is_stored(url):
        _refuse_format(input_format, "the items of a pattern are its files' URLs")
        own = [place for place in excluded if isinstance(place, StoreUrl)]
        return MatchingUrls(url, excluded=own)
    return _records_of(StoreFile(url), url.suffixes, input_format)


def _refuse_format(input_format: str | None, why: str) -> None:
    if input_format is not None:
        raise UsageError(f"{why}; leave out --input-format {input_format}, or name one file")


def _exists(spec: str) -> bool:
    try:
        return Path(spec).exists()
    except (OSError, ValueError):  # no name that a file can have
        return False


def _file(spec: str, input_format: str | None) -> Source:
    path = Path(spec)
    # Opening a pipe to see whether it can be read would take from it.
    is_pipe = _exists(spec) and not path.is_file() and not path.is_dir()
    if not is_pipe and (why := why_unreadable(path)):
        if _exists(spec) and path.is_dir():
            why += f", or a quoted pattern such as '{Path(spec or '.', '*')}'"
        raise InputError(f"{spec or repr(spec)}: {why}")
    return _records_of(LocalFile(path, name=spec), path.suffixes, input_format)


def _records_of(byte_source: ByteSource, suffixes: list[str], input_format: str | None) -> Source:
    """Return the records of a file in the format asked for, or the one that its name tells."""
    suffixes = [suffix.lower() for suffix in suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSIONS else ""
    suffix = suffixes[-1] if suffixes else ""
    input_format = input_format or INPUT_SUFFIXES.get(suffix, "text")
    if input_format == "parquet":
        if compression or not byte_source.repeatable:
            raise UsageError(
                f"{byte_source.name}: Parquet is read from a plain file only; save it as one"
            )
        return ParquetRows(byte_source)
    delimiter = "\t" if suffix == ".tsv" else ","
    return StreamedSource(byte_source, input_format, compression=compression, delimiter=delimiter)
