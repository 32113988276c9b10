"""Locks that keep two processes from writing one file, by whatever names they know it."""

from __future__ import annotations

__all__ = ["lock_file"]


def lock_file(descriptor: int) -> bool:
    """Lock a file, until any descriptor of it is closed here; return `False` where another has it.

    Where there are no locks, as on Windows and some file systems, this does nothing.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True
