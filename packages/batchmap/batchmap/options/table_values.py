"""Parsers of what says how tables and text are read; each returns `None` for `auto`."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable
from typing import Any

from batchmap.options.option_row import OptionError
from batchmap.text import near_names

__all__ = ["column_names", "delimiter", "encoding", "quote"]

_SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}

_NOT_OF_FILES = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined")

_COMMON = ("utf-8", "utf-16", "utf-32", "latin-1", "cp1252", "cp1251", "cp437", "gb18030", "big5",
           "shift_jis", "euc_jp", "euc_kr", "iso8859-15", "koi8-r", "ascii")  # fmt: skip


def delimiter(raw: Any, label: str) -> str | None:
    """Return one character; `tab` stands for that."""
    if raw == "auto":
        return None
    found = _SPELLED.get(raw, raw) if isinstance(raw, str) else raw
    if not isinstance(found, str) or len(found) != 1 or found in '\r\n"\0' or not _is_text(found):
        raise OptionError(
            f"{label} must be one character, tab or auto, got {raw!r:.60}; for example ';'"
        )
    return found


def quote(raw: Any, label: str) -> str:
    """Return one character, or empty text for `none`."""
    if raw in ("none", ""):
        return ""
    if not isinstance(raw, str) or len(raw) != 1 or raw in "\r\n\0 \t" or not _is_text(raw):
        raise OptionError(
            f"{label} must be one character or none, got {raw!r:.60}; for example none"
        )
    return raw


def encoding(raw: Any, label: str) -> str | None:
    """Return the name of an encoding as `codecs` has it."""
    if raw == "auto":
        return None
    try:
        found = codecs.lookup(raw)
        "".encode(raw)  # refuses what is none of text, such as base64
    except (LookupError, TypeError, ValueError):
        found = None
    if found is None or found.name in _NOT_OF_FILES or found.incrementaldecoder is None:
        near = near_names(f"{raw}", _COMMON) or "; for example latin-1, cp1252 or utf-16"
        raise OptionError(
            f"{label} must be an encoding that Python knows, or auto, got {raw!r:.60}{near}"
        )
    return found.name


def column_names(raw: Any, label: str) -> tuple[str, ...]:
    """Return names, each once; text has commas between them, and quotes around those with one."""
    try:
        names = next(csv.reader([raw], strict=True), []) if isinstance(raw, str) else list(raw)
    except (csv.Error, TypeError):
        names = []
    if not isinstance(names, Iterable) or not names:
        raise OptionError(f"{label} must be names with commas between them, got {raw!r:.60}")
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise OptionError(f"{label}: a name is empty in {raw!r:.60}; name every column")
        if names.count(name) > 1:
            raise OptionError(f"{label} has the name {name!r:.60} twice; rename or drop one")
    return tuple(names)


def _is_text(character: str) -> bool:
    return not "\ud800" <= character <= "\udfff"
