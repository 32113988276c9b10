"""What is kept of a result until it is a row of Parquet."""

from __future__ import annotations

from typing import Any

from batchmap.sinks.item_columns import Fields
from batchmap.sinks.parquet.types import NATIVES
from batchmap.sinks.values.kept_results import keeping
from batchmap.sinks.values.value_conversion import Form, Unwritable

__all__ = ["Encoded", "row_of", "strict_row_of"]

_MAX_DEPTH = 40  # a list is two of the 100 levels that pyarrow reads
_PARQUET = Form("Parquet", natives=NATIVES, max_depth=_MAX_DEPTH, nan="kept")
_STRICT = Form("Parquet", natives=NATIVES, max_depth=_MAX_DEPTH, nan="refused")
_TEXT = frozenset({str})
_SCALARS = frozenset({str, int, float, bool, type(None), *NATIVES})

Encoded = Fields
"""A copy of a result, for its own object may change before the next sync."""


def row_of(result: Any) -> Encoded:
    """Return what is written of a result; raises `Unwritable`, which keeps it, for nothing."""
    kind = type(result)
    if kind in _SCALARS:
        return (result,)
    if (
        kind is dict
        and _TEXT.issuperset(map(type, result))
        and _SCALARS.issuperset(map(type, result.values()))
    ):
        return dict(result)
    return _plain_row(result, _PARQUET)


def strict_row_of(result: Any) -> Encoded:
    """Return the same, but nan and infinity have no form."""
    return _plain_row(result, _STRICT)


def _plain_row(result: Any, form: Form) -> Encoded:
    try:
        plain = form.plain(result)
    except Unwritable as error:
        raise keeping(error, result) from None
    return plain if type(plain) is dict else (plain,)
