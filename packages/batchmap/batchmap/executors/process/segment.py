"""Memory without a name: one process writes it, and others map it, each with changes of its own.

It is a file of memfd_create(2), which no directory lists. Its memory is free once no process has it
open or mapped, however that process ended.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import weakref
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

from batchmap.executors.process.sockets import above_standard

__all__ = ["Extent", "Segment", "can_share", "mapped", "opened_stream"]

ALIGNMENT = 64
"""What is written begins at a multiple of so many bytes, as Arrow recommends."""

_COMPARED_BYTES = 1 << 20
"""How much of two segments is compared at once."""

_STREAM_BUFFER_BYTES = 1 << 16

_PROT_READ_WRITE = 1 | 2
_MAP_PRIVATE = 2
_MAP_FAILED = 2 ** (8 * struct.calcsize("P")) - 1
"""The address that mmap(2) gives when it fails, -1."""


def can_share() -> bool:
    """Tell whether there can be segments here."""
    return hasattr(os, "memfd_create")


class Extent(NamedTuple):
    """A part of a segment."""

    start: int
    size_bytes: int


class Segment:
    """Memory that this process writes and others get by its `descriptor`.

    It is this process's until the object goes; forks of this process do not keep it. Raises
    `OSError` where there are no more descriptors.
    """

    def __init__(self) -> None:
        self.descriptor = above_standard(os.memfd_create("batchmap-shared"))
        self.size_bytes = 0
        _open_here.add(self.descriptor)
        # At exit, calls may yet be worked off.
        weakref.finalize(self, _close, self.descriptor, os.getpid()).atexit = False

    def append(self, *pieces: memoryview | bytes) -> Extent:
        """Write contiguous bytes at the end, one piece behind the other; return where they are.

        Raises `OSError` where there is no more memory, and has written nothing then.
        """
        start = offset = -(-self.size_bytes // ALIGNMENT) * ALIGNMENT
        try:
            for piece in pieces:
                left = memoryview(piece)
                while left:
                    written = os.pwrite(self.descriptor, left, offset)
                    left, offset = left[written:], offset + written
            os.ftruncate(self.descriptor, offset)  # for what is empty, too
        except BaseException:
            os.ftruncate(self.descriptor, self.size_bytes)
            raise
        self.size_bytes = offset
        return Extent(start, offset - start)

    def holds_same(self, other: Segment) -> bool:
        """Tell whether both hold the same bytes."""
        return self.size_bytes == other.size_bytes and all(
            os.pread(self.descriptor, _COMPARED_BYTES, at)
            == os.pread(other.descriptor, _COMPARED_BYTES, at)
            for at in range(0, self.size_bytes, _COMPARED_BYTES)
        )


_open_here: set[int] = set()
"""The descriptors of the segments that this process has written."""


def _close(descriptor: int, process_id: int) -> None:
    if os.getpid() == process_id:
        _open_here.discard(descriptor)
        with suppress(OSError):  # this program has closed it
            os.close(descriptor)


def _close_in_child() -> None:
    """In a forked child, which would keep the memory as long as it lives."""
    for descriptor in list(_open_here):
        with suppress(OSError):
            os.close(descriptor)
    _open_here.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


def mapped(descriptor: int, size_bytes: int) -> memoryview:
    """Return the first bytes of a segment, which can be changed: nobody else sees that.

    The memory is the segment's own, page by page until it is changed; no descriptor is held. Where
    it cannot be mapped, it is a copy. Raises `MemoryError` or `OSError` where there is no room.
    """
    import ctypes

    address = _libc().mmap(None, size_bytes, _PROT_READ_WRITE, _MAP_PRIVATE, descriptor, 0)
    if address == _MAP_FAILED:  # there are too many mappings, or too much memory is promised
        copy = bytearray(size_bytes)
        opened_stream(descriptor, Extent(0, size_bytes)).readinto(copy)
        return memoryview(copy)
    memory = (ctypes.c_ubyte * size_bytes).from_address(address)
    weakref.finalize(memory, _libc().munmap, address, size_bytes).atexit = False
    return pickle.PickleBuffer(memory).raw()


@cache
def _libc() -> Any:
    import ctypes

    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_long,
    ]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return libc


def opened_stream(descriptor: int, extent: Extent) -> io.BufferedReader:
    """Return a part of a segment as a file, which does not own the descriptor."""
    return io.BufferedReader(_Stream(descriptor, extent), _STREAM_BUFFER_BYTES)


class _Stream(io.RawIOBase):
    """Reads at a position of its own: that of the descriptor is shared with other processes."""

    def __init__(self, descriptor: int, extent: Extent) -> None:
        self._descriptor = descriptor
        self._at = extent.start
        self._end = extent.start + extent.size_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)[: self._end - self._at]
        count = os.preadv(self._descriptor, [room], self._at) if room else 0
        self._at += count
        return count
