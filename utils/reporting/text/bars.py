"""Bars and timelines drawn with characters."""

from __future__ import annotations

from collections.abc import Sequence

from ...execution.trace import Span, Trace

__all__ = ["bar", "timeline"]

FULL, EMPTY = "█", "░"

_SHADES = " ░▒▓█"
"""From never busy to always busy in that stretch of time."""

MOST_ROWS = 8


def bar(share: float, width: int) -> str:
    """Return a bar of so many characters, filled to `share`, from 0 to 1."""
    filled = round(width * min(1.0, max(0.0, share)))
    return FULL * filled + EMPTY * (width - filled)


def timeline(trace: Trace, width: int) -> list[tuple[int, str]]:
    """Return the first workers' numbers with a row each, as wide as the run was long."""
    rows: dict[int, list[Span]] = {}
    for span in trace.spans:
        rows.setdefault(span.worker, []).append(span)
    return [
        (worker, _row(rows[worker], trace.wall_s, width)) for worker in sorted(rows)[:MOST_ROWS]
    ]


def _row(spans: Sequence[Span], wall_s: float, width: int) -> str:
    busy = [0.0] * width
    scale = width / wall_s if wall_s else 0.0
    for span in spans:
        began, ended = span.started_s * scale, span.ended_s * scale
        # A span that stands for several batches is as dense as they are.
        density = min(1.0, span.busy_s / (span.ended_s - span.started_s or 1.0))
        for cell in range(max(0, int(began)), min(width, int(ended) + 1)):
            busy[cell] += density * max(0.0, min(ended, cell + 1) - max(began, cell))
    return "".join(_SHADES[min(4, round(4 * min(1.0, share)))] for share in busy)
