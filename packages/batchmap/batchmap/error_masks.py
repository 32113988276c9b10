"""Masks the numbers of error messages, but status codes, so that alike ones are the same."""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus

__all__ = ["masked_message"]

_BY_STATUS_CODES = 2

_NUMBER = re.compile(
    r"0x[0-9a-f]+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b(?=[a-f]*\d)[0-9a-f]{8,}\b|\d(?:[\d.,:]*\d)?",
    re.IGNORECASE,
)
"""A number, an address, a UUID, or a digest in hexadecimal."""

_QUOTED = re.compile(r"""\w+://\S+|'[^']*'|"[^"]*"|`[^`]*`""")

_CODE_BEFORE = re.compile(
    r"(?:status|code|errno|signal)(?:[ _]code)?[\s:=#'\"(\[]{1,4}$", re.IGNORECASE
)
_HTTP_BEFORE = re.compile(
    r"(?:http(?:s|/\d(?:\.\d)?)?|\w*error|response)[\s:=#'\"(\[]{1,4}$", re.IGNORECASE
)
_HTTP_AFTER = re.compile(
    r"[\s:,'\"-]{1,3}(?:message=|client error|server error|"
    + "|".join(re.escape(one.phrase) for one in HTTPStatus)
    + ")",
    re.IGNORECASE,
)
_HTTP_TYPE = re.compile(r"http|status|response|request|api", re.IGNORECASE)

_LONGEST_BEFORE = 30


@lru_cache(maxsize=1024)
def masked_message(
    error_type: str, message: str, level: int, http_status: int | None = None
) -> str:
    """Return what messages of one kind have in common: `#` stands for a number.

    An `http_status` that the message does not name is added.

    At level 0 they differ by all but numbers, at 1 by all but what is quoted, too, at 2 by status
    codes alone, and from 3 on by nothing.
    """
    if level > _BY_STATUS_CODES:
        return ""
    codes: list[str] = []

    def masked(found: re.Match[str]) -> str:
        if _is_status_code(error_type, message, found):
            codes.append(found.group())
            return found.group()
        return "#"

    text = _NUMBER.sub(masked, message)
    if http_status is not None and f"{http_status}" not in codes:
        codes.append(f"{http_status}")
        text = f"{text} (HTTP {http_status})"
    if level == _BY_STATUS_CODES:
        return " ".join(codes)
    if level == 0:
        return text
    return " ".join([_QUOTED.sub("…", text), *codes])


def _is_status_code(error_type: str, message: str, found: re.Match[str]) -> bool:
    number = found.group()
    if len(number) > len("599") or not number.isdigit():
        return False
    before = message[max(0, found.start() - _LONGEST_BEFORE) : found.start()]
    if _CODE_BEFORE.search(before):
        return True
    if not "100" <= number <= "599" or len(number) < len("100"):
        return False
    if _HTTP_BEFORE.search(before) or _HTTP_AFTER.match(message, found.end()):
        return True
    is_first = not before.strip(" '\"([<")
    return is_first and _HTTP_TYPE.search(error_type) is not None
