"""Finds where a JSON value ends by its quotes and brackets alone, as its text comes in pieces."""

from __future__ import annotations

import re

__all__ = ["JsonOutline"]

_BETWEEN_VALUES = re.compile(r'["\[\]{},]')
_IN_VALUE = re.compile(r'["\[\]{}]')
_IN_STRING = re.compile(r'\\.|"', re.DOTALL)


class JsonOutline:
    """The quotes and brackets of a value, of which `depth` are open before the first piece.

    Each piece is scanned once; parsing again with each piece would take quadratic time. Whether
    what it finds is JSON, it does not say.
    """

    def __init__(self, depth: int = 0) -> None:
        self.depth = depth
        self._in_string = False
        self._is_escaped = False

    def end_in(self, text: str, at: int = 0) -> int | None:
        """Return where the value ends in a piece, read from `at`; `None` when it goes on.

        That is at the comma or bracket that follows it.
        """
        at += int(self._is_escaped)
        self._is_escaped = False
        while found := self._pattern().search(text, at):
            at = found.end()
            mark = found[0]
            if mark == '"':
                self._in_string = not self._in_string
            elif mark in "[{":
                self.depth += 1
            elif self._in_string:
                pass
            elif self.depth:
                self.depth -= 1
            else:
                return found.start()
        self._is_escaped = self._in_string and text.endswith("\\", at)
        return None

    def _pattern(self) -> re.Pattern[str]:
        if self._in_string:
            return _IN_STRING
        return _IN_VALUE if self.depth else _BETWEEN_VALUES
