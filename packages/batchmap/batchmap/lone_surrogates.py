r"""Lone surrogates, which UTF-8 has no form for, as text, and that text as what it was.

They stand for what was no text: `\udce9` for the byte 0xE9 of a text that is not UTF-8, `\ud83d`
for half of a pair in JSON or UTF-16. In an output they are a replacement character and their number
in braces: `�{e9}`, `�{d83d}`. Where such text is there already, each replacement character before
the brace is doubled, so that nothing is read back as what it was not.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["escaped", "is_utf8", "needs_escape", "unescape"]

_NUMBER = r"\{(?:[89a-f][0-9a-f]|d[89a-f][0-9a-f]{2})\}"
_TO_ESCAPE = re.compile(f"(\ufffd*)(?:([\ud800-\udfff])|(?<=\ufffd)(?={_NUMBER}))")
_ESCAPED = re.compile(f"(\ufffd+)({_NUMBER})")
_BYTES = range(0xDC80, 0xDD00)
"""The surrogates that stand for bytes, as `surrogateescape` has them."""


def is_utf8(text: str) -> bool:
    """Tell whether UTF-8 can hold `text`, that is, whether it has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def needs_escape(text: str) -> bool:
    """Tell whether `escaped` may change `text`."""
    return not is_utf8(text) or "\ufffd{" in text


def escaped(text: str) -> str:
    """Return `text`, or JSON in a line, as text that UTF-8 can hold."""
    return _TO_ESCAPE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    run, surrogate = match[1], match[2]
    if surrogate is None:
        return 2 * run
    number = ord(surrogate)
    return f"{2 * run}\ufffd{{{number - 0xDC00 if number in _BYTES else number:x}}}"


def unescape(value: Any) -> Any:
    r"""Return text of an output as it was before it was written, and so with all text in `value`.

    `�{e9}` becomes `\udce9`, which `text.encode("utf-8", "surrogateescape")` makes the byte again.
    """
    kind = type(value)
    if kind is str:
        return _ESCAPED.sub(_unescape, value) if "\ufffd{" in value else value
    if kind is list:
        return [unescape(one) for one in value]
    if kind is dict:
        return {unescape(key): unescape(one) for key, one in value.items()}
    return value


def _unescape(match: re.Match[str]) -> str:
    run, number = match[1], match[2]
    literal, is_escape = divmod(len(run), 2)
    if not is_escape:
        return "\ufffd" * literal + number
    code = int(number[1:-1], 16)
    return "\ufffd" * literal + chr(code if code > 0xFF else 0xDC00 + code)
