"""Calls that write down when they begin and end, for limits on how many run at once.

This module imports next to nothing, so that worker processes start quickly.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

__all__ = ["KeyedCalls", "tens"]

CALL_S = 0.003


def tens(item: int) -> int:
    """Return the key of a number: its tens."""
    return item // 10


class KeyedCalls:
    """Functions of a number that write its tens to a file as they begin and end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def plain(self, item: int) -> int:
        """Take a while."""
        self._add(f"+{tens(item)}")
        time.sleep(CALL_S)
        self._add(f"-{tens(item)}")
        return -item

    async def awaiting(self, item: int) -> int:
        """Take a while, and let others run."""
        self._add(f"+{tens(item)}")
        await asyncio.sleep(CALL_S)
        self._add(f"-{tens(item)}")
        return -item

    def nested(self, item: int) -> int:
        """Call another function of the same kind for three items, in a call of the library."""
        from batchmap import parallel_map

        inner = [10 * item + number for number in range(3)]
        calls = KeyedCalls(self.path.with_name(f"inner-{os.urandom(4).hex()}"))
        options: dict[str, Any] = {"backend": "thread", "workers": 3, "limit_per": {tens: 1}}
        assert parallel_map(calls.plain, inner, **options) == [-one for one in inner]
        assert calls.peaks() == {item: 1}
        return self.plain(item)

    def _add(self, line: str) -> None:
        with self.path.open("a") as file:
            file.write(f"{line}\n")

    def peaks(self) -> dict[int, int]:
        """Return how many calls of each key ran at once, at most."""
        running: Counter[int] = Counter()
        found: Counter[int] = Counter()
        for line in self.path.read_text().splitlines():
            key = int(line[1:])
            running[key] += 1 if line[0] == "+" else -1
            found[key] = max(found[key], running[key])
        return dict(found)
