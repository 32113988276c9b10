"""Opens a file as what it is: by its name, and by its first bytes where they say otherwise."""

from __future__ import annotations

from typing import NamedTuple

from batchmap.errors import InputError, UsageError
from batchmap.sources.base import Source, one_line
from batchmap.sources.opening.byte_sources import ByteSource
from batchmap.sources.opening.decompression import COMPRESSIONS
from batchmap.sources.opening.file_kinds import NOT_TEXT, START_BYTES, FileKind, kind_of
from batchmap.sources.reading_options import AS_USUAL, ReadingOptions
from batchmap.sources.selected_columns import selected
from batchmap.sources.stream_formats import StreamedSource
from batchmap.storage.formats import INPUT_SUFFIXES, MAX_RECORD_BYTES

__all__ = ["HowToRead", "open_file"]

_NOUNS = {"parquet": "Parquet", "xlsx": "Excel"}
"""What formats are called that are read from a file, by position."""

_PARQUET_MARK = b"PAR1"


class HowToRead(NamedTuple):
    """What was asked for of an input."""

    input_format: str | None = None
    max_record_bytes: int = MAX_RECORD_BYTES
    json_path: str | None = None
    reading: ReadingOptions = AS_USUAL


def open_file(byte_source: ByteSource, suffixes: list[str], how: HowToRead) -> Source:
    """Return the records of a file; its name ends with `suffixes`, and `how` comes before these.

    Raises `InputError` for a file of a kind that is not read, or not as `how` says, and
    `UsageError` for a way to read that makes no sense.
    """
    suffixes = [suffix.lower() for suffix in suffixes]
    suffix = suffixes[-1] if suffixes else ""
    is_looked_at = _is_looked_at(byte_source, suffix)
    kind = _kind(byte_source, suffix) if is_looked_at else None
    if is_looked_at and kind is None and how.input_format is None and suffix in NOT_TEXT:
        raise InputError(
            f"{byte_source.name}: by its name it is {NOT_TEXT[suffix]}, by its content it is not",
            advice="copy it again; or, where it is text, {input_format:csv} or "
            "{input_format:text} reads it",
        )
    if kind is not None and kind.input_format == "zip":
        from batchmap.sources.opening.zip_files import ZipArchive

        archive = ZipArchive(byte_source)
        kind = _kind_of_names(archive.names)
        if kind is None:
            member = archive.only_file()
            return open_file(member, member.suffixes, how)
    compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSIONS else ""
    suffix = suffixes[-1] if suffixes else ""
    asked = how.input_format
    if kind is not None and not kind.compression:
        if not kind.input_format:
            raise InputError(
                f"{byte_source.name}: is {kind.noun}, which is not read; {kind.advice}"
            )
        if asked not in (None, kind.input_format):
            raise UsageError(
                f"{byte_source.name} is {kind.noun}", advice=f"leave out {{input_format:{asked}}}"
            )
        asked = kind.input_format
    input_format = asked or INPUT_SUFFIXES.get(suffix, "text")
    if kind is not None and kind.compression:
        compression = kind.compression
    if how.json_path is not None and input_format != "json":
        raise UsageError(
            f"{how.json_path!r:.100} is for JSON, and {byte_source.name} is read as {input_format}",
            option="json_path",
            advice="leave it out, or give {input_format:json}",
        )
    if input_format in _NOUNS:
        if compression or not byte_source.repeatable:
            raise UsageError(
                f"{byte_source.name}: {_NOUNS[input_format]} is read from a plain file only; save "
                "it as one"
            )
        how.reading.check_format(input_format, byte_source.name)
        select = how.reading.select
        if input_format == "parquet":
            from batchmap.sources.parquet.rows import ParquetRows

            return selected(ParquetRows(byte_source, columns=select), select)
        from batchmap.sources.excel import ExcelRows

        return selected(ExcelRows(byte_source), select)
    is_tsv = input_format == "tsv" or (input_format == "csv" and suffix == ".tsv")
    if input_format == "tsv":
        input_format = "csv"
    how.reading.check_format(input_format, byte_source.name)
    source = StreamedSource(
        byte_source,
        input_format,
        compression=compression,
        usual_delimiter="\t" if is_tsv else ",",
        reading=how.reading,
        max_record_bytes=how.max_record_bytes,
        json_path=how.json_path,
    )
    return selected(source, how.reading.select)


def _is_looked_at(byte_source: ByteSource, suffix: str) -> bool:
    """Tell whether the first bytes of a file say what it is before it is read.

    They must be there to be read more than once. A file elsewhere, whose name tells what it is, is
    not asked for an additional time; what else it is, is seen once it is read.
    """
    is_by_position = INPUT_SUFFIXES.get(suffix) in _NOUNS
    is_worth_it = bool(byte_source.paths) or is_by_position or suffix in ("", ".zip")
    return byte_source.repeatable and byte_source.size_bytes is not None and is_worth_it


def _kind(byte_source: ByteSource, suffix: str) -> FileKind | None:
    """Return what a file is by its first bytes."""
    is_by_position = INPUT_SUFFIXES.get(suffix) in _NOUNS
    try:
        with byte_source.opened() as (file, size_bytes):
            start = file.read(START_BYTES)
            kind = kind_of(start)
            if kind is not None and kind.input_format == "parquet" and size_bytes:
                file.seek(size_bytes - len(_PARQUET_MARK))
                ends_so = file.read(len(_PARQUET_MARK)) == _PARQUET_MARK
                return kind if ends_so or is_by_position else None
            return kind
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or one_line(error)
        raise InputError(f"{byte_source.name}: cannot be read ({why})") from error


def _kind_of_names(names: tuple[str, ...]) -> FileKind | None:
    """Return the kind of a zip archive that is a file of Office, `None` for any other archive."""
    if "[Content_Types].xml" in names:
        if "xl/workbook.xml" in names:
            return FileKind("Excel", input_format="xlsx")
        advice = "save it as .xlsx" if "xl/workbook.bin" in names else "save its table as .csv"
        return FileKind("a file of Microsoft Office", advice=advice)
    if "mimetype" in names and "content.xml" in names:
        return FileKind("an OpenDocument file", advice="save its table as .xlsx or .csv")
    return None
