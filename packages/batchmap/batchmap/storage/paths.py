"""Local paths: what a file can be, and why one cannot be read or written."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = [
    "is_stream",
    "journal_path",
    "why_unreadable",
    "why_unwritable",
]


def journal_path(output: Path) -> Path:
    """Return the path of the journal of an output file, the same through whatever links."""
    target = Path(os.path.realpath(output))
    return target.with_name(target.name + ".journal")


def is_stream(path: Path) -> bool:
    """Tell whether `path` is a device, a pipe or a descriptor: written to, never replaced."""
    try:
        names = [path.absolute()]
        if path.is_symlink():
            names.append(path.readlink())
        by_descriptor = any(
            name.is_relative_to(root) for name in names for root in ("/dev", "/proc")
        )
        return by_descriptor or (path.exists() and not path.is_file())
    except OSError:  # a name that no file can have, which is reported elsewhere
        return False


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
