"""What is known of an item without running it: its size, and the host of its first URL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["host_of", "size_of"]

MAX_VALUES = 1000
"""Values within an item that its size counts."""


def size_of(item: Any) -> int | None:
    """Return the size of an item in bytes, of a path that of its file; `None` where it has none.

    That of a list or a mapping is what its texts have, and 8 for each other value.
    """
    if isinstance(item, (bytes, str, os.PathLike)):
        return _file_size(item) or _text_size(item)
    if not isinstance(item, (Mapping, list, tuple)):
        return None
    size, left = 0, [item]
    for _ in range(MAX_VALUES):
        if not left:
            break
        value = left.pop()
        if isinstance(value, (Mapping, list, tuple)):
            left.extend(value.values() if isinstance(value, Mapping) else value)
        else:
            size += _text_size(value) if isinstance(value, (bytes, str, os.PathLike)) else 8
    return size


def _text_size(item: bytes | str | os.PathLike[str]) -> int:
    text = os.fspath(item)
    return len(text.encode(errors="surrogatepass") if isinstance(text, str) else text)


def _file_size(item: bytes | str | os.PathLike[str]) -> int | None:
    if isinstance(item, bytes) or not (isinstance(item, os.PathLike) or os.sep in item):
        return None
    try:
        return Path(item).stat().st_size
    except (OSError, ValueError):  # it is a text
        return None


def host_of(item: Any) -> str | None:
    """Return the host of the first URL in an item, `None` where it has none."""
    values = item.values() if isinstance(item, Mapping) else (item,)
    for value in values:
        if isinstance(value, str) and "://" in value[:20]:
            try:
                return urlsplit(value).hostname
            except ValueError:
                return None
    return None
