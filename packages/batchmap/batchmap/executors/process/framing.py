"""Frames over the socket between this process and a worker: a length, a kind, some bytes.

With a frame may go the descriptor of a segment, which holds what is large.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from enum import IntEnum
from itertools import takewhile
from typing import NamedTuple, Protocol

__all__ = [
    "Frame",
    "FrameReader",
    "FrameSender",
    "FrameWriter",
    "Kind",
    "Waker",
    "above_standard",
    "receive_frame",
    "safe_socketpair",
]

_HEAD = struct.Struct("!QB?")
_ANCILLARY_BYTES = socket.CMSG_SPACE(struct.calcsize("i"))
"""Room for one descriptor."""

_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_READ_BYTES = 1 << 20
_STANDARD_STREAMS = 2
"""The last of their descriptors."""


class Kind(IntEnum):
    """What a frame holds."""

    FUNCTION = 0
    """To the worker: a function, pickled, for the calls that follow."""
    CALL = 1
    """To the worker: the arguments of a call, pickled."""
    READY = 2
    """From the worker: it takes calls."""
    PART = 3
    """From the worker: the batch record of what is finished of the call that runs."""
    RESULT = 4
    """From the worker: what the call returned."""
    ERROR = 5
    """From the worker: what the call raised."""
    LEAVING = 6
    """From the worker: it takes no more calls, and exits; holds what it waits for before that."""
    STATE = 7
    """To the worker: its settings, and what the caller has set up."""
    LOG = 8
    """From the worker: a log record."""
    PRINT = 9
    """From the worker: what was printed to a stream that the caller has replaced."""


class Frame(NamedTuple):
    """A frame that has arrived."""

    kind: Kind
    payload: bytearray
    descriptor: int | None
    """Of a segment; it is the receiver's to close. -1 where one was sent and there was no room."""


class Segment(Protocol):
    """Memory that is shared, see `segment`."""

    descriptor: int


class FrameSender:
    """Sends frames over a socket that blocks; any thread may use it."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._lock = threading.Lock()

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Send one frame; wait until it is sent."""
        head = _HEAD.pack(len(payload), kind, False)
        with self._lock:
            if len(payload) < _READ_BYTES:
                self._socket.sendall(head + payload)
            else:
                self._socket.sendall(head)
                self._socket.sendall(payload)


def receive_frame(sock: socket.socket) -> Frame | None:
    """Wait for one frame and return it; `None` when the other end is closed."""
    descriptors: list[int] = []
    head = _receive(sock, _HEAD.size, descriptors)
    if head is None:
        return None
    length, kind, has_segment = _HEAD.unpack(head)
    payload = _receive(sock, length)
    if payload is None:
        return None
    descriptor = (descriptors or [-1])[0] if has_segment else None
    return Frame(Kind(kind), payload, descriptor)


def _receive(
    sock: socket.socket, length: int, descriptors: list[int] | None = None
) -> bytearray | None:
    """Return so many bytes; descriptors that come with them are added to `descriptors`."""
    buffer = bytearray(length)
    view = memoryview(buffer)
    while view:
        try:
            if descriptors is None:
                count = sock.recv_into(view)
            else:
                count, ancillary, _, _ = sock.recvmsg_into([view], _ANCILLARY_BYTES, _CLOSE_ON_EXEC)
                for _, _, data in ancillary:
                    descriptors += array("i", data)
        except ConnectionError:
            return None
        if not count:
            return None
        view = view[count:]
    return buffer


class FrameReader:
    """Reads frames from a socket that does not block."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray()
        self.ended = False
        """Whether the other end is closed."""

    def frames(self) -> Iterator[tuple[Kind, bytes]]:
        """Yield the frames that have arrived whole."""
        buffer = self._buffer
        while not self.ended:
            try:
                received = self._socket.recv(_READ_BYTES)
            except BlockingIOError:
                break
            except ConnectionError:
                received = b""
            if not received:
                self.ended = True
            buffer += received
            if len(received) < _READ_BYTES:
                break
        start = 0
        while len(buffer) - start >= _HEAD.size:
            length, kind, _ = _HEAD.unpack_from(buffer, start)
            end = start + _HEAD.size + length
            if len(buffer) < end:
                break
            yield Kind(kind), bytes(memoryview(buffer)[start + _HEAD.size : end])
            start = end
        del buffer[:start]


class FrameWriter:
    """Writes frames to a socket that does not block; what does not fit waits for `flush`."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._waiting: deque[memoryview] = deque()
        self._segments: deque[tuple[memoryview, Segment]] = deque()
        """Those whose descriptors are to go with one that waits."""

    def send(self, kind: Kind, payload: bytes, segment: Segment | None = None) -> bool:
        """Send as much of one frame as fits; tell whether nothing waits."""
        head = memoryview(_HEAD.pack(len(payload), kind, segment is not None))
        if segment is not None:
            self._segments.append((head, segment))
        self._waiting.append(head)
        self._waiting.append(memoryview(payload))
        return self.flush()

    def flush(self) -> bool:
        """Send as much as fits of what waits; tell whether nothing waits any more."""
        waiting = self._waiting
        try:
            while waiting:
                sent = self._send_some()
                while waiting and sent >= len(waiting[0]):
                    sent -= len(waiting.popleft())
                if sent:
                    waiting[0] = waiting[0][sent:]
        except BlockingIOError:
            return False
        except ConnectionError:  # the worker has exited, which is noticed when its socket is read
            waiting.clear()
            self._segments.clear()
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS:
                raise
            return False  # too many descriptors are on their way: workers have yet to take them
        return True

    def _send_some(self) -> int:
        """Send some of what waits, up to the next descriptor, which goes with its own head."""
        if not self._segments:
            return self._socket.sendmsg(self._waiting)
        head, segment = self._segments[0]
        if self._waiting[0] is not head:
            before = takewhile(lambda waiting: waiting is not head, self._waiting)
            return self._socket.sendmsg(list(before))
        sent = socket.send_fds(self._socket, [head], [segment.descriptor])
        self._segments.popleft()
        return sent


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
