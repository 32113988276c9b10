"""Frames over the socket between this process and a worker: a length, a kind, some bytes.

With a frame may go the descriptor of a segment, which holds what is large.
"""

from __future__ import annotations

import errno
import socket
import struct
import threading
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from enum import IntEnum
from itertools import takewhile
from typing import NamedTuple, Protocol

from batchmap.executors.process.sockets import NO_SIGNAL, send_descriptors

__all__ = [
    "Answer",
    "Frame",
    "FrameReader",
    "FrameSender",
    "FrameWriter",
    "Kind",
    "receive_frame",
]

_HEAD = struct.Struct("!QB?")
_ANCILLARY_BYTES = socket.CMSG_SPACE(4) if hasattr(socket, "CMSG_SPACE") else 0
"""Room for one descriptor; on Windows there are none."""

_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_READ_BYTES = 1 << 20
_LARGE_BYTES = 1 << 17
"""Payloads of so many bytes are received right where they stay."""


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
    ARRAY = 10
    """From the worker: memory of the next part, result or error, which is not in its pickle."""
    LOADED = 11
    """From the worker: it has loaded a function, or holds why it cannot."""
    WARNING = 12
    """From the worker: a warning that is to be shown."""


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

    def send(self, kind: Kind, payload: bytes = b"", arrays: Sequence[memoryview] = ()) -> None:
        """Send one frame, after one for each of the `arrays`; wait until they are sent."""
        with self._lock:
            for array in arrays:
                self._send(Kind.ARRAY, array)
            self._send(kind, payload)

    def _send(self, kind: Kind, payload: bytes | memoryview) -> None:
        head = _HEAD.pack(len(payload), kind, False)
        if len(payload) < _READ_BYTES:
            self._socket.sendall(head + payload, NO_SIGNAL)
        else:
            self._socket.sendall(head, NO_SIGNAL)
            self._socket.sendall(payload, NO_SIGNAL)


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


class Answer(NamedTuple):
    """A frame from a worker, with the memory that came before it."""

    kind: Kind
    payload: bytearray
    arrays: list[bytearray]
    """What is not in the pickle."""

    @property
    def size_bytes(self) -> int:
        """Return how many bytes it has."""
        return len(self.payload) + sum(map(len, self.arrays))


class FrameReader:
    """Reads the frames of a worker from a socket that does not block."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray()
        self._large: _LargeFrame | None = None
        """The frame whose payload arrives next."""
        self._arrays: list[bytearray] = []
        """The memory that has arrived of the next answer."""
        self.ended = False
        """Whether the other end is closed."""

    def answers(self) -> Iterator[Answer]:
        """Yield what has arrived whole."""
        for kind, payload in self._frames():
            if kind is Kind.ARRAY:
                self._arrays.append(payload)
            else:
                arrays, self._arrays = self._arrays, []
                yield Answer(kind, payload, arrays)

    def _frames(self) -> Iterator[tuple[Kind, bytearray]]:
        while not self.ended:
            wanted_bytes = len(self._large.left) if self._large else _READ_BYTES
            try:
                received_bytes = self._receive()
            except BlockingIOError:
                return
            except ConnectionError:
                received_bytes = 0
            if not received_bytes:
                self.ended = True
            yield from self._arrived()
            if received_bytes < wanted_bytes:  # others have sent, too
                return

    def _receive(self) -> int:
        if self._large is not None:
            return self._large.receive(self._socket)
        received = self._socket.recv(_READ_BYTES)
        self._buffer += received
        return len(received)

    def _arrived(self) -> Iterator[tuple[Kind, bytearray]]:
        if self._large is not None:
            if self._large.left:
                return
            large, self._large = self._large, None
            yield large.kind, large.payload
        buffer, start = self._buffer, 0
        while len(buffer) - start >= _HEAD.size:
            length, kind, _ = _HEAD.unpack_from(buffer, start)
            payload_at = start + _HEAD.size
            end = payload_at + length
            if len(buffer) < end:
                if length >= _LARGE_BYTES:
                    self._large = _LargeFrame(Kind(kind), length, buffer[payload_at:])
                    start = len(buffer)
                break
            yield Kind(kind), buffer[payload_at:end]
            start = end
        del buffer[:start]


class _LargeFrame:
    """A frame whose payload is received right where it stays."""

    def __init__(self, kind: Kind, length: int, arrived: bytearray) -> None:
        self.kind = kind
        self.payload = bytearray(length)
        self.payload[: len(arrived)] = arrived
        self.left = memoryview(self.payload)[len(arrived) :]
        """What has not arrived yet."""

    def receive(self, sock: socket.socket) -> int:
        """Receive some more, and return how many bytes."""
        count = sock.recv_into(self.left)
        self.left = self.left[count:]
        return count


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
            return self._socket.sendmsg(self._waiting, (), NO_SIGNAL)
        head, segment = self._segments[0]
        if self._waiting[0] is not head:
            before = takewhile(lambda waiting: waiting is not head, self._waiting)
            return self._socket.sendmsg(list(before), (), NO_SIGNAL)
        sent = send_descriptors(self._socket, head, [segment.descriptor])
        self._segments.popleft()
        return sent
