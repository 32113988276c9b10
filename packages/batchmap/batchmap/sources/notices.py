"""What a run says of how its input is read, once."""

from __future__ import annotations

import logging

__all__ = ["Notices", "told_before"]

_logger = logging.getLogger("input")

_told_before = False


def told_before() -> None:
    """Say nothing from now on: another process has told it all of the same input."""
    global _told_before
    _told_before = True


class Notices:
    """What is told of the input called `name`: how it is read, and one line of it at most."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_told = self._is_warned = _told_before

    def tell(self, taken: list[str], remarks: list[str]) -> None:
        """Say what was taken from the input itself, and what else is to be known; once."""
        if self._is_told:
            return
        self._is_told = True
        lines = [f"is read with {' and '.join(taken)}"] if taken else []
        if text := "; ".join([*lines, *remarks]):
            _logger.warning("%s %s", self._name, text)

    def warn(self, line: int, message: str) -> None:
        """Say what a line is, the first time."""
        if self._is_warned:
            return
        self._is_warned = True
        _logger.warning("%s line %d: %s", self._name, line, message)
