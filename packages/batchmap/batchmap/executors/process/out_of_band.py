"""Pickles what holds NumPy arrays or Arrow buffers, with their memory out of the pickle (PEP 574).

Only what these two libraries rebuild themselves is left out: another class may take what it gives
to the pickle for `bytes`, which it would not get back. All comes back as from a plain pickle.
"""

from __future__ import annotations

import copyreg
import pickle
import sys
from collections import ChainMap
from collections.abc import Callable
from functools import partial
from typing import Any

from batchmap.executors.pickling import FunctionPickler

__all__ = ["Take", "has_arrays", "out_of_band_pickler", "out_of_band_result_pickler"]

Take = Callable[[memoryview], bool]
"""Is given the bytes of an array; returns whether it has taken them, else the pickle does."""

_DATES = "mM"
"""The kinds of arrays that have no buffer for others: of times, and of time spans."""

_PLAIN = "biufcSU"
"""The kinds of arrays whose elements are bytes without references."""


def has_arrays() -> bool:
    """Tell whether this process has loaded a library whose arrays can be left out."""
    return "numpy" in sys.modules or "pyarrow" in sys.modules


def out_of_band_pickler(file: Any, take: Take) -> pickle.Pickler:
    """Return what pickles to `file` as `pickling.dumps` does, but for what `take` takes."""
    return _FunctionPickler(file, take)


def out_of_band_result_pickler(file: Any, take: Take) -> pickle.Pickler:
    """Return what pickles to `file` as `pickle.dumps` does, but for what `take` takes."""
    return _ResultPickler(file, take)


_Buffers = dict[int, pickle.PickleBuffer]
"""The buffers that may be left out, by their identity."""


# Neither pickler refers to itself: they hold copies of arrays, which go with them at once.


class _FunctionPickler(FunctionPickler):
    def __init__(self, file: Any, take: Take) -> None:
        ours: _Buffers = {}
        self.dispatch_table = ChainMap(_reductions(ours), *FunctionPickler.dispatch_table.maps)  # type: ignore[misc]
        super().__init__(file, buffer_callback=partial(_keeps, ours, take))


class _ResultPickler(pickle.Pickler):
    def __init__(self, file: Any, take: Take) -> None:
        ours: _Buffers = {}
        base: Any = copyreg.dispatch_table
        self.dispatch_table = ChainMap(_reductions(ours), base)
        super().__init__(file, pickle.HIGHEST_PROTOCOL, buffer_callback=partial(_keeps, ours, take))


def _reductions(ours: _Buffers) -> dict[type, Any]:
    """Return how arrays are reduced, which notes in `ours` which buffers may be left out.

    Where the program has set how it wants a type reduced, that is left alone.
    """
    reductions: dict[type, Any] = {}
    # Of a library that another thread is loading, not everything is there yet.
    numpy, arrow = sys.modules.get("numpy"), sys.modules.get("pyarrow")
    if (array_type := getattr(numpy, "ndarray", None)) is not None:
        reductions[array_type] = partial(_reduced_array, ours, numpy)
    if (mapped_type := getattr(numpy, "memmap", None)) is not None:
        reductions[mapped_type] = partial(_reduced_mapped, numpy)
    for name in ("Buffer", "ResizableBuffer"):
        if (buffer_type := getattr(arrow, name, None)) is not None:
            reductions[buffer_type] = partial(_reduced, ours)
    for known in copyreg.dispatch_table.keys() & reductions.keys():
        del reductions[known]
    return reductions


def _keeps(ours: _Buffers, take: Take, buffer: pickle.PickleBuffer) -> bool:
    return id(buffer) not in ours or not take(buffer.raw())


def _reduced(ours: _Buffers, value: Any) -> Any:
    reduced = value.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    first = reduced[1][0] if reduced[1] else None
    if type(first) is pickle.PickleBuffer:
        ours[id(first)] = first
    return reduced


def _reduced_array(ours: _Buffers, numpy: Any, array: Any) -> Any:
    """Reduce an array to contiguous memory that has a buffer, where it can be had."""
    dtype = array.dtype
    if not dtype.isnative:  # some come back with the order of this machine
        return _reduced(ours, array)
    if dtype.kind in _DATES:
        return _as_dates, (_writable(numpy, array.view(f"i{dtype.itemsize}")), dtype)
    if not array.flags.forc and dtype.kind in _PLAIN:
        return _reduced(ours, numpy.ascontiguousarray(array))
    return _reduced(ours, array)


def _reduced_mapped(numpy: Any, array: Any) -> Any:
    """Reduce an array whose memory is a file."""
    if array.flags.forc and array.dtype.isnative and array.dtype.kind in _PLAIN:
        return _as_mapped, (_writable(numpy, array.view(numpy.ndarray)),)
    return array.__reduce_ex__(pickle.HIGHEST_PROTOCOL)


def _writable(numpy: Any, array: Any) -> Any:
    """Return an array of the same memory that counts as writable, to be read.

    Pickled, some arrays forget that they are not, and are unpickled as ones that can be changed.
    """
    return array if array.flags.writeable else numpy.asarray(_Writable(array))


class _Writable:
    def __init__(self, array: Any) -> None:
        interface = array.__array_interface__
        self.__array_interface__ = interface | {"data": (interface["data"][0], False)}
        self._array = array  # it owns the memory


def _as_dates(numbers: Any, dtype: Any) -> Any:
    return numbers.view(dtype)


def _as_mapped(array: Any) -> Any:
    import numpy

    return array.view(numpy.memmap)
