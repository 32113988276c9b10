"""The colours that the page of a report and the page of a run have in common."""

from __future__ import annotations

from pathlib import Path

__all__ = ["palette_css"]


def palette_css() -> str:
    """Return a style sheet that defines them, for light and for dark."""
    return Path(__file__).with_name("palette.css").read_text(encoding="utf-8")
