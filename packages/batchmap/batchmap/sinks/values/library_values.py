"""What values of other libraries hold, as lists and dicts; none of these libraries is imported."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["NO_FORM", "is_missing", "of_library"]

NO_FORM = object()
"""Stands for no form: `None` is one."""


def is_missing(value: Any) -> bool:
    """Tell whether a value of numpy or pandas says that there is none, as nan does of numbers."""
    kind = type(value)
    if kind.__name__ in ("NaTType", "NAType"):
        return kind.__module__.startswith("pandas.")
    numpy = sys.modules.get("numpy")
    return (
        numpy is not None
        and kind in (numpy.datetime64, numpy.timedelta64)
        and bool(numpy.isnat(value))
    )


def of_library(value: Any) -> Any:
    """Return a simpler form of a value: the fields of an object, the rows of a table.

    `NO_FORM` where there is none that says all of it.
    """
    kind = type(value)
    if hasattr(kind, "model_dump"):  # pydantic
        return value.model_dump()
    if hasattr(kind, "__pydantic_root_model__") or hasattr(kind, "__fields_set__"):
        return value.dict()  # pydantic 1
    if (attributes := getattr(kind, "__attrs_attrs__", None)) is not None:
        return {one.name: getattr(value, one.name) for one in attributes}
    if (names := getattr(kind, "__struct_fields__", None)) is not None:  # msgspec
        return {name: getattr(value, name) for name in names}
    read = _LIBRARIES.get(kind.__module__.partition(".")[0])
    return NO_FORM if read is None else read(value)


def _of_numpy(value: Any) -> Any:
    if not hasattr(value, "dtype"):
        return NO_FORM
    kind = value.dtype.kind
    if type(value).__name__ == "ndarray" or isinstance(value, sys.modules["numpy"].ndarray):
        if kind == "m":
            return NO_FORM
        if kind == "M":  # `tolist` would give nanoseconds as bare numbers
            return list(value) if value.ndim else value[()]
        if kind == "V" and value.dtype.names:
            return [_of_numpy(one) for one in value.ravel()] if value.ndim == 1 else NO_FORM
        return value.tolist()
    if kind == "M":
        return str(value)
    if kind == "V" and value.dtype.names:
        return {name: value[name] for name in value.dtype.names}
    simple = value.item()
    # Python has no long double; a void is bytes.
    return NO_FORM if kind == "m" or type(simple) is type(value) else simple


def _of_pandas(value: Any) -> Any:
    name = type(value).__name__
    if name == "Series":
        labels = value.index.tolist()
        if labels == list(range(len(labels))):
            return value.tolist()
        return value.to_dict() if len(set(labels)) == len(labels) else NO_FORM
    if name == "DataFrame":
        is_numbered = value.index.tolist() == list(range(len(value)))
        is_named = value.columns.is_unique
        return value.to_dict("records") if is_numbered and is_named else NO_FORM
    return value.tolist() if hasattr(value, "tolist") else NO_FORM


def _of_polars(value: Any) -> Any:
    if hasattr(value, "to_dicts"):
        return value.to_dicts()
    return value.to_list() if hasattr(value, "to_list") else NO_FORM


def _of_arrow(value: Any) -> Any:
    if hasattr(value, "to_pylist"):
        return value.to_pylist()
    return value.as_py() if hasattr(value, "as_py") else NO_FORM


def _of_tensor(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else NO_FORM


def _of_pydantic(value: Any) -> Any:
    """Return the text of a secret, a URL or the like, as the class shows it."""
    return str(value)


def _of_sqlite(value: Any) -> Any:
    """Return a row by the names of its columns, unless two have the same."""
    if type(value).__name__ != "Row":
        return NO_FORM
    names = value.keys()
    return dict(zip(names, value, strict=True)) if len(set(names)) == len(names) else list(value)


_LIBRARIES = {
    "sqlite3": _of_sqlite,
    "numpy": _of_numpy,
    "pandas": _of_pandas,
    "polars": _of_polars,
    "pyarrow": _of_arrow,
    "pydantic": _of_pydantic,
    "pydantic_core": _of_pydantic,
    "torch": _of_tensor,
    "jaxlib": _of_tensor,
}
