"""Makes files and URLs of options, and says early where one cannot be read or written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batchmap.options.option_row import OptionError
from batchmap.storage import (
    Location,
    NamedPath,
    SecretUrl,
    StoreUrl,
    is_stream,
    location_of,
    may_write,
    secret_of,
    why_unreadable,
    why_unusable,
    why_unwritable,
    without_secrets,
)
from batchmap.storage.formats import COMPRESSIONS
from batchmap.storage.patterns import is_pattern, with_home
from batchmap.storage.table_url import TABLE_FORM, TableUrl, table_url

__all__ = [
    "A_DIRECTORY",
    "errors_file",
    "errors_location",
    "input_file",
    "input_source",
    "output_file",
    "output_location",
    "output_or_stdout",
    "output_path",
    "replaced_file",
    "report_file",
    "source_text",
    "source_texts",
    "verified_output",
]

A_DIRECTORY = "a directory; name a file in it"


def input_file(raw: Any, label: str) -> Path:
    """Return the path of a file of this machine that can be read."""
    if "://" in str(raw):  # it may hold a password, so it is not shown
        raise OptionError(f"{label} takes a file, and no URL; save it as one")
    path = Path(str(raw))
    if (problem := why_unreadable(path)) is not None:
        raise OptionError(f"{label} {raw}: {problem}", of_input=True)
    return NamedPath(path)


def input_source(raw: Any, label: str) -> str:
    """Return what `open_source` understands: standard input, a URL, a pattern, or a file."""
    given = secret_of(raw) if isinstance(raw, str) else str(raw)
    if given.startswith("~") and not Path(given).exists():
        given = raw = with_home(given)
    if _is_no_file(given) or (given and _is_directory(given)):  # perhaps of Parquet files
        return SecretUrl(given)
    return f"{input_file(raw, label)}"


def source_text(raw: Any, label: str) -> str:
    """Return what names a source, which is opened later; passwords in it are not shown."""
    return SecretUrl(raw if isinstance(raw, str) else str(raw))


def source_texts(raw: Any, label: str) -> tuple[str, ...]:
    """Return what names several sources, as `source_text` does for one."""
    if not isinstance(raw, list | tuple):
        raise OptionError(f"{label} must be several, in a list, got {raw!r:.60}; list them")
    return tuple(source_text(one, label) for one in raw)


def output_file(raw: Any, label: str) -> Path:
    """Return the path of a file of this machine that could be written."""
    path = output_path(raw, label)
    if path.is_dir():
        raise OptionError(f"{label} {raw}: {A_DIRECTORY}")
    return path


def output_path(raw: Any, label: str) -> Path:
    """Return the path of a file that could be written, or of a directory of part files."""
    path = raw if isinstance(raw, NamedPath) else location_of(str(raw))
    if isinstance(path, StoreUrl):
        raise OptionError(f"{label} {path}: takes a file, and no URL; name one of this machine")
    if (problem := why_unwritable(path)) is not None:
        raise OptionError(f"{label} {raw!s:.200}: {problem}")
    if str(raw) in ("", "-"):
        what = "takes a file, and not standard output" if raw else "is empty"
        raise OptionError(f"{label} {what}; name a file")
    if path.name in ("", ".."):
        raise OptionError(f"{label} {raw}: {A_DIRECTORY}")
    if not path.absolute().parent.is_dir():
        raise OptionError(f"{label} {raw}: there is no directory {path.parent}; make it first")
    return NamedPath(path)


def output_location(raw: Any, label: str) -> Location:
    """Return where an output goes that may lie in an object store."""
    return _stored(raw, label) or output_file(raw, label)


def _stored(raw: Any, label: str) -> StoreUrl | None:
    """Return the URL of a store where an output goes, `None` for a file of this machine."""
    location = raw if isinstance(raw, NamedPath) else location_of(str(raw))
    if not isinstance(location, StoreUrl):
        return None
    if location.is_read_only:
        problem: str | None = (
            f"what {location.scheme}:// names can only be read; name a file, or s3://…"
        )
    elif not location.name:
        problem = "a directory; name a file in it"
    else:
        problem = why_unusable(location)
    if problem:
        raise OptionError(f"{label} {location}: {problem}")
    return location


def errors_file(raw: Any, label: str) -> Location:
    """Return where failed items go: text that is not compressed, whatever the output is."""
    location = output_location(raw, label)
    _refuse_compressed(location, label)
    return location


def report_file(raw: Any, label: str) -> NamedPath:
    """Return the path of a file of this machine that could be written, uncompressed."""
    path = NamedPath(output_file(raw, label))
    _refuse_compressed(path, label)
    if not may_write(path):
        raise OptionError(f"{label} {raw}: may not be written there; name another file")
    return path


def replaced_file(raw: Any, label: str) -> NamedPath:
    """Return the path of a file that could be written again and again, each time as a whole."""
    path = report_file(raw, label)
    if is_stream(path):
        raise OptionError(f"{label} {raw}: not a regular file, and it is replaced; name another")
    return path


def _refuse_compressed(location: Location, label: str) -> None:
    if (suffix := Path(location.name).suffix.lower()) in COMPRESSIONS:
        raise OptionError(f"{label} {location}: is not compressed; leave {suffix} out")


def verified_output(raw: Any, label: str) -> Path | TableUrl:
    """Return an output that can be verified: a file or directory of this machine, or a table."""
    return _table(raw, label) or output_path(raw, label)


def output_or_stdout(raw: Any, label: str) -> Location | None:
    """Return where an output goes: a file, a directory of part files, a table, or in a store.

    `None` for `-`, standard output.
    """
    if (table := _table(raw, label)) is not None:
        return table
    return None if str(raw) == "-" else _stored(raw, label) or output_path(raw, label)


def _table(raw: Any, label: str) -> TableUrl | None:
    """Return the table that an option names, `None` where it names something else."""
    try:
        table = table_url(f"{raw}")
    except ValueError as error:
        why = (
            f"{error}; name another" if error.args else f"names no table; write it as {TABLE_FORM}"
        )
        raise OptionError(f"{label} {without_secrets(f'{raw}')}: {why}") from None
    if table is not None and table.path is not None:
        output_file(table.path.name_given, label)
    return table


def _is_no_file(spec: str) -> bool:
    """Tell whether `spec` is standard input, a URL or a pattern."""
    if spec == "-" or "://" in spec:
        return True
    try:
        return is_pattern(spec) and not Path(spec).exists()
    except (OSError, ValueError):  # no name that a file can have
        return False


def _is_directory(spec: str) -> bool:
    try:
        return Path(spec).is_dir()
    except (OSError, ValueError):
        return False


def errors_location(output: Location) -> Location:
    """Return where the failed items of an output go unless another place is asked for."""
    if isinstance(output, TableUrl):
        return output.errors_path
    name = f"{output.name}.errors.jsonl"
    if isinstance(output, NamedPath):
        return output.beside(".errors.jsonl")
    return output.with_name(name)
