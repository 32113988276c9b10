"""Local paths: what is wrong with one, whether two are one file, writing a file whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = [
    "is_stream",
    "journal_path",
    "same_file",
    "why_unreadable",
    "why_unwritable",
    "write_whole",
]


def same_file(one: Path, other: Path) -> bool:
    """Tell whether both paths lead to one file that exists."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one of them is not there
        return False


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
    """Return why no file can even be looked for under this name, `None` when one can."""
    try:
        path.absolute()
        path.stat()
    except FileNotFoundError as error:
        return None if error.filename is not None else "there is no current directory; go to one"
    except (OSError, ValueError) as error:
        return f"{getattr(error, 'strerror', None) or error}; name another file"
    return None


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` whole or not at all: to a temporary file that then replaces it.

    A link is followed. What is no regular file (`/dev/stdout`, a pipe) is written to, not replaced.
    Raises `OSError` when it cannot be written; what was there before then stays.
    """
    if is_stream(path):
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)
        return
    target = Path(os.path.realpath(path))
    mode = target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~_umask()
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".export-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
