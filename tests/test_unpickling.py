"""What comes back from workers is unpickled as `pickle.loads` does it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from batchmap.unpickling import loads

VALUES = [None, "short", "long" * 100_000, bytes(300_000), {"of": (1, 2.5)}, {3}, OSError]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_every_protocol_and_size_is_read(protocol: int, kind: Any) -> None:
    assert loads(kind(pickle.dumps(VALUES, protocol))) == VALUES


def test_arrays_come_beside_it() -> None:
    arrays: list[pickle.PickleBuffer] = []
    data = pickle.dumps(pickle.PickleBuffer(bytearray(b"array")), 5, buffer_callback=arrays.append)
    assert bytes(loads(data, arrays)) == b"array"


@pytest.mark.parametrize("left", [0, 1, 5000, 350_000])
def test_what_is_cut_off_is_an_error(left: int) -> None:
    with pytest.raises((EOFError, pickle.UnpicklingError)):
        loads(pickle.dumps(VALUES)[:left])
