"""Which attempt of an item is running, for functions that want to know."""

from __future__ import annotations

from contextvars import ContextVar

__all__ = ["current_attempt"]

current_attempt: ContextVar[int] = ContextVar("current_attempt", default=1)
"""1 for an item's first attempt, 2 for its first retry, and so on."""
