"""Escapes text that comes from data for a page, a script and Markdown."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from batchmap.text import printable

__all__ = ["html_text", "markdown_text", "script_json"]

_SCRIPT_ESCAPES = str.maketrans(
    {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
)
_MARKED = re.compile(r"[\\`*_\[\]#~$!|{}]")
_LIST_MARK = re.compile(r"^(?:[-+=]|\d+(?=[.)](?:\s|$)))")


def html_text(text: str) -> str:
    """Return `text` for the content of an element or for an attribute in quotes."""
    return html.escape(printable(text))


def script_json(value: Any) -> str:
    """Return strict JSON in which nothing can end the `script` element that holds it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_SCRIPT_ESCAPES)


def markdown_text(text: str) -> str:
    """Return `text` for GitHub-flavoured Markdown, escaped so that a reader sees it unchanged.

    Wherever it stands, in a table or at the start of a line, it makes no mark-up, HTML, link,
    mention or cell.
    """
    shown = _MARKED.sub(r"\\\g<0>", printable(text).strip())
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = shown.replace("@", "&#64;").replace("://", "&#58;//").replace("www.", "www&#46;")
    return _LIST_MARK.sub(_unlisted, shown)


def _unlisted(mark: re.Match[str]) -> str:
    return f"{mark[0]}\\" if mark[0].isdigit() else f"\\{mark[0]}"
