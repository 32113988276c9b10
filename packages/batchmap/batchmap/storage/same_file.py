"""Whether two locations are one file."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from batchmap.storage.schemes import why_unusable
from batchmap.storage.table_url import TableUrl
from batchmap.storage.urls import Location, StoreUrl

__all__ = ["is_same_file"]


def is_same_file(one: Location, other: Location) -> bool:
    """Tell whether two locations are one file, which need not exist yet.

    Links are followed, and two URLs may be written differently: `s3://b/x` and `s3a://b/x`.
    """
    one, other = _file_of(one), _file_of(other)
    if isinstance(one, StoreUrl) and isinstance(other, StoreUrl):
        return _is_same_url(one, other)
    return isinstance(one, Path) and isinstance(other, Path) and _is_same_path(one, other)


def _file_of(location: Location) -> Location:
    """Return the file that a table of SQLite is in, and any other location as it is."""
    if isinstance(location, TableUrl) and location.path is not None:
        return location.path
    return location


def _is_same_path(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # at least one is missing: the same file only if both are
        return not os.path.exists(other) and os.path.realpath(one) == os.path.realpath(other)  # noqa: PTH110
    except ValueError:  # a name that no file can have
        return False


def _is_same_url(one: StoreUrl, other: StoreUrl) -> bool:
    if one == other:
        return True
    if why_unusable(one) or why_unusable(other):
        return False
    class_of = import_module("fsspec").get_filesystem_class
    first, second = class_of(one.scheme), class_of(other.scheme)
    return bool(
        first is second and first._strip_protocol(one.url) == second._strip_protocol(other.url)
    )
