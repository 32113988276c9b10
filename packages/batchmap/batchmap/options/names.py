"""Parses lists of names, such as those of columns."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Any

from batchmap.options.option_row import OptionError

__all__ = ["names"]

_EXAMPLE = "for example id,name"


def names(raw: Any, label: str) -> tuple[str, ...]:
    """Return names, each once; text has commas between them, and quotes as a row of CSV has."""
    try:
        words = next(csv.reader([raw], strict=True), []) if isinstance(raw, str) else raw
    except csv.Error as error:
        raise OptionError(f"{label}: {error}, in {raw!r:.60}; {_EXAMPLE}") from error
    if not isinstance(words, Iterable):
        raise OptionError(f"{label} must be names with commas between, got {raw!r:.60}; {_EXAMPLE}")
    found = tuple(words)
    if not found or not all(isinstance(word, str) and word.strip() for word in found):
        raise OptionError(f"{label} has an empty name, in {raw!r:.60}; {_EXAMPLE}")
    if twice := [word for word in found if found.count(word) > 1]:
        raise OptionError(f"{label} has {twice[0]!r:.60} twice; leave one out")
    return found
