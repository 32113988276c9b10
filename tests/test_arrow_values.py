"""Values of Arrow arrays are what pyarrow's own `to_pylist` gives."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest
from batchmap.arrow.values import rows_of, values_of

ARRAYS = {
    "text": pa.array(["a", "é", "", "😀"]),
    "text and nulls": pa.array(["a", None, ""]),
    "large text": pa.array(["a", None], pa.large_string()),
    "int8": pa.array([1, -1], pa.int8()),
    "int64": pa.array([2**63 - 1, -(2**63)]),
    "uint64": pa.array([2**64 - 1, 0], pa.uint64()),
    "int and nulls": pa.array([1, None, 2**63 - 1]),
    "float64": pa.array([0.1, -0.0, math.inf, math.nan]),
    "float32": pa.array([0.1, 3.0], pa.float32()),
    "float and nulls": pa.array([0.5, None]),
    "bool": pa.array([True, False]),
    "bool and nulls": pa.array([True, None]),
    "bytes": pa.array([b"a", None]),
    "lists": pa.array([[1], None, []]),
    "objects": pa.array([{"a": 1}, None]),
    "nulls": pa.nulls(3),
    "none": pa.array([], pa.int64()),
    "dictionary": pa.array(["a", "b", "a"]).dictionary_encode(),
}


def described(values: list[Any]) -> list[tuple[str, type]]:
    return [(repr(value), type(value)) for value in values]


@pytest.mark.parametrize("name", ARRAYS)
def test_values_are_those_of_pyarrow(name: str) -> None:
    array = ARRAYS[name]
    for one in (array, array.slice(1), pa.chunked_array([array, array.slice(1)])):
        assert described(values_of(one)) == described(one.to_pylist())


def test_text_that_is_none_raises_as_in_pyarrow() -> None:
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]
    )
    with pytest.raises(UnicodeDecodeError):
        values_of(bad)


def test_rows_of_a_table_without_columns_are_there() -> None:
    table = pa.table({"a": [1, 2]}).select([])
    assert rows_of(table.to_batches()[0]) == [{}, {}]
    assert rows_of(pa.table({"a": [1, None], "b": ["x", "y"]})) == [
        {"a": 1, "b": "x"},
        {"a": None, "b": "y"},
    ]
