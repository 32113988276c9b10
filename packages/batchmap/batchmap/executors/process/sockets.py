"""Sockets between this process and its workers, and what wakes a thread that waits for them."""

from __future__ import annotations

import errno
import os
import socket
from array import array
from collections.abc import Sequence
from contextlib import suppress

__all__ = [
    "NO_SIGNAL",
    "Waker",
    "above_standard",
    "check_descriptors",
    "safe_socketpair",
    "send_descriptors",
]

NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
"""A flag for whatever is sent: to one that has ended, it is an error, and no SIGPIPE. A program may
have set that signal to its default, which ends it."""

SPARE_DESCRIPTORS = 16
"""How many file descriptors are left for other things than workers."""

_STANDARD_STREAMS = 2
"""The last of their descriptors."""


def safe_socketpair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets, without the time-out that the program may have set for all."""
    ends = socket.socketpair()
    ours, theirs = (socket.socket(fileno=above_standard(end.detach())) for end in ends)
    if socket.getdefaulttimeout() is not None:
        ours.settimeout(None)
        theirs.settimeout(None)
    return ours, theirs


def above_standard(descriptor: int) -> int:
    """Return a descriptor, or a copy of it, that is not the number of a standard stream.

    Where one of those was closed, the next descriptor gets its number, and what is printed.
    """
    if descriptor > _STANDARD_STREAMS:
        return descriptor
    import fcntl

    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _STANDARD_STREAMS + 1)
    os.close(descriptor)
    return copy


def send_descriptors(
    sock: socket.socket, data: bytes | memoryview, descriptors: Sequence[int]
) -> int:
    """Send some of the bytes with all descriptors, as `socket.send_fds` does, which takes no flag.

    Returns how many bytes were sent; raises `OSError`.
    """
    ancillary = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))
    return sock.sendmsg([data], [ancillary], NO_SIGNAL)


def check_descriptors(newest: int) -> None:
    """Raise `OSError` unless enough are free; the one that is opened next is always the lowest."""
    import resource  # not on Windows

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and newest + SPARE_DESCRIPTORS > limit:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


class Waker:
    """Wakes a thread that waits for descriptors, from any thread and in a signal handler."""

    def __init__(self) -> None:
        """Raises `OSError` where there are no more descriptors."""
        self._read, self._write = safe_socketpair()
        for end in (self._read, self._write):
            end.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable."""
        return self._read.fileno()

    def wake(self) -> None:
        """Wake the thread."""
        with suppress(OSError):  # it is full, and so wakes the thread anyway; or it is closed
            self._write.send(b"\0")

    def take(self) -> None:
        """Note that the thread is awake."""
        self._read.recv(4096)

    def close(self) -> None:
        """Close both ends."""
        self._read.close()
        self._write.close()
