"""Opens what one or several INPUTs name: the records of a source, the rows of files, or paths.

open_inputs(["numbers.txt"])                     the records of one source
open_inputs(["a.csv", "logs/"], rows=True)       the rows of all files
open_inputs(["logs/"], input_format="files")     the paths of all files
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batchmap.errors import UsageError
from batchmap.sources.base import Source
from batchmap.sources.factory import open_source
from batchmap.sources.listing.file_listing import list_files, names_no_file
from batchmap.sources.listing.glob_files import MatchingFiles
from batchmap.sources.listing.glob_urls import MatchingUrls
from batchmap.sources.listing.listed_files import ListedFile, LocalListed
from batchmap.sources.many_files import MAX_FILES, RecordsOfFiles
from batchmap.sources.reading_options import AS_USUAL, ReadingOptions
from batchmap.storage import without_secrets

__all__ = ["open_inputs"]

_READ_BY_POSITION = ("parquet", "xlsx")
"""Formats whose files hold much else than the bytes of records."""


def open_inputs(specs: Sequence[str], *, rows: bool = False, **reading: Any) -> Source:
    """Return the source that `specs` name together; `reading` are the keywords of `open_source`.

    With `rows`, that is the rows of all files that they name, each in its own format, or all in
    `input_format`, in the order of the files' names. With the `input_format` `files`, it is the
    files' paths. Otherwise there is one of `specs`, for `open_source`. Raises `UsageError` where
    that makes no sense, `InputError` for an input that cannot be read.
    """
    input_format = reading.get("input_format")
    if rows and input_format == "files":
        raise UsageError(
            "files: its items are paths, and {rows} reads what is in the files",
            option="input_format",
            advice="give one of them",
        )
    if not rows and input_format != "files":
        if len(specs) > 1:
            raise UsageError(
                f"{len(specs)} inputs are given",
                advice="{rows} takes the rows of all these files, {input_format:files} their paths",
            )
        return open_source(specs[0], **reading)
    if rows and len(specs) == 1 and names_no_file(specs[0]):
        return open_source(specs[0], **reading)
    name = without_secrets(specs[0])
    if len(specs) > 1:
        name += f" and {len(specs) - 1} more"
    files = list_files(specs, excluded=reading.get("excluded", ()), to_read=rows)
    return _rows_of(name, files, reading) if rows else _paths_of(name, files)


def _rows_of(name: str, files: list[ListedFile], reading: dict[str, Any]) -> RecordsOfFiles:
    input_format = reading.get("input_format")
    if len(files) > MAX_FILES:
        raise UsageError(f"{name}: {len(files):,} files are more than {MAX_FILES:,}; name fewer")
    unknown = [file.name for file in files if not input_format and file.format is None]
    if unknown:
        others = f", as {len(unknown) - 1} more do not" if len(unknown) > 1 else ""
        raise UsageError(
            f"{unknown[0]}: the suffix does not tell how it is read{others}",
            advice="name the files to be read, or say how all are read by {input_format:}",
        )
    how: ReadingOptions = reading.get("reading", AS_USUAL)
    for file in files:  # before any of them is read
        found = input_format or file.format or ""
        how.check_format("csv" if found == "tsv" else found, file.name)
    is_dense = not any(
        file.is_compressed or (input_format or file.format) in _READ_BY_POSITION for file in files
    )
    return RecordsOfFiles(
        name,
        files,
        lambda file: open_source(file, **reading),
        input_format=input_format,
        size_bytes=sum(file.size_bytes for file in files) if is_dense else None,
    )


def _paths_of(name: str, files: list[ListedFile]) -> Source:
    local = [file.name for file in files if isinstance(file, LocalListed)]
    if len(local) == len(files):
        return MatchingFiles(name, local)
    if local:
        raise UsageError(
            "files: paths of this machine and URLs of a store are no items of one run",
            option="input_format",
            advice="take one kind after the other",
        )
    return MatchingUrls(name, {file.url: file.version for file in files})
