"""Bars and rows of a timeline, drawn with characters."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["bar", "load_row"]

_FULL, _EMPTY = "█", "░"

_SHADES = " ░▒▓█"
"""From idle to busy for the whole of an interval."""


def bar(share: float, width: int) -> str:
    """Return a bar of `width` characters, filled to `share`, from 0 to 1."""
    filled = round(width * min(1.0, max(0.0, share)))
    return _FULL * filled + _EMPTY * (width - filled)


def load_row(shares: Sequence[float]) -> str:
    """Return a character for each interval, the darker the larger the share that was busy."""
    return "".join(_SHADES[min(4, round(4 * min(1.0, share)))] for share in shares)
