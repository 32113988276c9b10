"""Local paths: what a file can be, and why one cannot be read or written."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Self

__all__ = [
    "NamedPath",
    "is_stream",
    "journal_path",
    "may_write",
    "sync_path",
    "why_unreadable",
    "why_unwritable",
]


_ConcretePath: Any = type(Path())


class NamedPath(_ConcretePath):  # type: ignore[misc]
    """An absolute path that a format string shows as it was given.

    The user's function may change the current directory at any moment, in a thread, too; the files
    that were named before must not move with it.
    """

    name_given: str

    def __new__(cls, given: str | os.PathLike[str]) -> Self:
        """Make the path that `given` names as seen from the current directory."""
        path: Self = super().__new__(cls, Path(given).absolute())
        path.name_given = format(given) if isinstance(given, NamedPath) else os.fspath(given)
        return path

    if sys.version_info >= (3, 12):

        def __init__(self, given: str | os.PathLike[str]) -> None:
            super().__init__(Path(given).absolute())

        def with_segments(self, *segments: Any) -> Path:
            """Return what is derived from this path: an ordinary one."""
            return Path(*segments)

    def __format__(self, spec: str) -> str:
        return format(getattr(self, "name_given", str(self)), spec)

    def beside(self, suffix: str) -> NamedPath:
        """Return the path of the file beside it whose name is longer by `suffix`."""
        name = f"{self}"
        return NamedPath((name.rstrip("/") or name) + suffix)

    def __reduce__(self) -> tuple[Any, ...]:
        return NamedPath, (str(self),)


def journal_path(output: Path) -> Path:
    """Return the path of the journal of an output file, the same through whatever links."""
    target = Path(os.path.realpath(output))
    return target.with_name(target.name + ".journal")


def sync_path(output: Path) -> Path:
    """Return the path of what a sync has done that is not in the output file yet."""
    target = Path(os.path.realpath(output))
    return target.with_name(target.name + ".sync")


def is_stream(path: Path) -> bool:
    """Tell whether `path` is a device, a pipe or a descriptor: written to, never replaced."""
    try:
        names = [path.absolute()]
        if path.is_symlink():
            names.append(path.readlink())
        return any(map(_is_of_system, names)) or (path.exists() and not path.is_file())
    except OSError:  # a name that no file can have, which is reported elsewhere
        return False


def _is_of_system(name: Path) -> bool:
    """Tell whether it is among the devices and descriptors; in `/dev/shm`, say, there are files."""
    if name.is_relative_to("/proc") or name.is_relative_to("/dev/fd"):
        return True
    return name.is_relative_to("/dev") and name.parent.stat().st_dev == Path("/dev").stat().st_dev


def may_write(path: Path) -> bool:
    """Tell whether a file may be written whole: replaced by a new one, or a device written to."""
    target = Path(os.path.realpath(path))
    return os.access(target if is_stream(path) else target.parent, os.W_OK)


def why_unreadable(path: Path) -> str | None:
    """Return why `path` cannot be read as a regular file and what to do, `None` when it can."""
    try:
        if path.is_dir():
            return "that is a directory; name a file in it"
        if path.exists() and not path.is_file():
            return "not a regular file, and it may be read more than once; save it to a file first"
        with path.open("rb"):
            return None
    except FileNotFoundError:
        return "there is no such file; check the path"
    except (OSError, ValueError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or error}); check the path"


def why_unwritable(path: Path) -> str | None:
    """Return why no file can have this name and what to do, `None` when one can."""
    try:
        path.absolute()
        path.stat()
    except FileNotFoundError as error:
        return None if error.filename is not None else "there is no current directory; go to one"
    except (OSError, ValueError) as error:
        return f"{getattr(error, 'strerror', None) or error}; name another file"
    return None
