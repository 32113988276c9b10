"""What a frame carries: a pickle, and the segment that holds what is large of it.

A value is dumped to a `Payload`; of that, the pickle goes over the socket, or where it is, and with
it the descriptor of the segment. What is loaded from the frame is the same value, with its arrays
in the memory of the segment, mapped copy-on-write.
"""

from __future__ import annotations

import errno
import os
import pickle
from contextlib import suppress
from typing import Any, NamedTuple

from batchmap.executors.pickling import dumps, pickled_result
from batchmap.executors.process.framing import Frame, Kind
from batchmap.executors.process.out_of_band import (
    has_arrays,
    out_of_band_pickler,
    out_of_band_result_pickler,
)
from batchmap.executors.process.segment import (
    Extent,
    Segment,
    can_share,
    mapped,
    opened_stream,
)

__all__ = [
    "MIN_FUNCTION_ARRAY_BYTES",
    "MIN_ITEM_ARRAY_BYTES",
    "Payload",
    "dumped_arguments",
    "dumped_function",
    "dumped_result",
    "loaded",
    "pickle_function",
    "reloaded",
]

MIN_FUNCTION_ARRAY_BYTES = 4096
"""Arrays of a function that are smaller, in bytes, stay in its pickle."""

MIN_ITEM_ARRAY_BYTES = 1 << 20
"""Arrays of items that are smaller, in bytes, stay in the pickle: a segment costs more."""

MIN_RESULT_ARRAY_BYTES = 1 << 16
"""Arrays of results that are smaller, in bytes, stay in the pickle."""

MIN_STREAM_BYTES = 1 << 20
"""A pickle of so many bytes goes to the segment, too: it is read from there, and is in no other
memory."""


class _Layout(NamedTuple):
    """Where in the segment what is large lies."""

    pickle: bytes | Extent
    arrays: list[Extent]


class Payload:
    """The `data` of a frame, and the segment whose descriptor goes with it, if any."""

    __slots__ = ("data", "segment")

    def __init__(self, data: bytes, segment: Segment | None = None) -> None:
        self.data = data
        self.segment = segment

    @property
    def size_bytes(self) -> int:
        """Return how many bytes it has, with those in its segment."""
        return len(self.data) + self.shared_bytes

    @property
    def shared_bytes(self) -> int:
        """Return how many bytes its segment has."""
        return self.segment.size_bytes if self.segment else 0

    def holds_same(self, other: Payload) -> bool:
        """Tell whether both hold the same bytes."""
        if self.data != other.data or (self.segment is None) != (other.segment is None):
            return False
        return (
            self.segment is other.segment
            or self.segment is None
            or other.segment is None
            or self.segment.holds_same(other.segment)
        )


def dumped_function(function: Any) -> Payload:
    """Return a function pickled, with what it closes over; raises what pickling raises."""
    return _Dump(MIN_FUNCTION_ARRAY_BYTES).of(function)


def pickle_function(function: Any, file: Any) -> int:
    """Pickle a function as `dumped_function` does, to what has a method `write`.

    Returns how many bytes of arrays would be in shared memory; they are not copied.
    """
    shared: list[int] = []

    def take(array: memoryview) -> bool:
        is_shared = array.nbytes >= MIN_FUNCTION_ARRAY_BYTES and can_share()
        if is_shared:
            shared.append(array.nbytes)
        return is_shared

    out_of_band_pickler(file, take).dump(function)
    return sum(shared)


def dumped_arguments(arguments: tuple[Any, ...]) -> Payload:
    """Return the arguments of a call pickled; raises what pickling raises."""
    if not has_arrays():
        return Payload(dumps(arguments))
    return _Dump(MIN_ITEM_ARRAY_BYTES).of(arguments)


def dumped_result(result: Any) -> tuple[bytes, list[memoryview]]:
    """Return a result pickled, as `pickled_result` does, and the memory of its large arrays.

    That goes over the socket, to where it stays: the caller may keep one result of many, and then
    keeps its memory alone, and no descriptors.
    """
    arrays: list[memoryview] = []

    def take(array: memoryview) -> bool:
        is_large = array.nbytes >= MIN_RESULT_ARRAY_BYTES
        if is_large:
            arrays.append(array)
        return is_large

    if has_arrays():
        pieces = _Pieces()
        with suppress(BaseException):
            out_of_band_result_pickler(pieces, take).dump(result)
            return b"".join(pieces.written), arrays
    return pickled_result(result), []


def loaded(frame: Frame) -> Any:
    """Return what was dumped, and free what the frame holds; raises what unpickling raises."""
    descriptor = frame.descriptor
    try:
        if descriptor is None:
            return pickle.loads(frame.payload)
        if descriptor < 0:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return _with_segment(_Layout(*pickle.loads(frame.payload)), descriptor)
    finally:
        frame.payload.clear()
        if descriptor is not None and descriptor >= 0:
            os.close(descriptor)


def reloaded(payload: Payload) -> Any:
    """Return what was dumped in this process; raises what unpickling raises."""
    descriptor = None if payload.segment is None else os.dup(payload.segment.descriptor)
    return loaded(Frame(Kind.CALL, bytearray(payload.data), descriptor))


def _with_segment(layout: _Layout, descriptor: int) -> Any:
    buffers = []
    if layout.arrays:
        last = layout.arrays[-1]
        memory = mapped(descriptor, last.start + last.size_bytes)
        buffers = [memory[start : start + size] for start, size in layout.arrays]
        del memory
    if isinstance(layout.pickle, bytes):
        return pickle.loads(layout.pickle, buffers=buffers)
    with opened_stream(descriptor, layout.pickle) as stream:
        return pickle.load(stream, buffers=buffers)


class _Pieces:
    """A file that keeps what is written; what is large is not copied."""

    def __init__(self) -> None:
        self.written: list[bytes | memoryview] = []

    def write(self, data: Any) -> None:
        """Add bytes, or the buffer of an array that stays in the pickle."""
        self.written.append(data if type(data) is bytes else pickle.PickleBuffer(data).raw())


class _Dump:
    """Pickles one value; where there is no segment to be had, all is in the pickle."""

    def __init__(self, min_array_bytes: int) -> None:
        self._min_array_bytes = min_array_bytes
        self._segment: Segment | None = None
        self._arrays: list[Extent] = []

    def of(self, value: Any) -> Payload:
        pieces = _Pieces()
        out_of_band_pickler(pieces, self._take).dump(value)
        moved = None
        if sum(map(len, pieces.written)) >= MIN_STREAM_BYTES:
            moved = self._moved(*pieces.written)
        where = b"".join(pieces.written) if moved is None else moved
        if isinstance(where, bytes) and not self._arrays:
            return Payload(where)
        return Payload(pickle.dumps((where, self._arrays)), self._segment)

    def _take(self, array: memoryview) -> bool:
        if array.nbytes < self._min_array_bytes:
            return False
        where = self._moved(array)
        if where is None:
            return False
        self._arrays.append(where)
        return True

    def _moved(self, *data: memoryview | bytes) -> Extent | None:
        """Return where in the segment the bytes are now, `None` where they cannot be there."""
        if not can_share():
            return None
        try:
            if self._segment is None:
                self._segment = Segment()
            return self._segment.append(*data)
        except OSError:  # there are no more descriptors, or no more memory for files
            return None
