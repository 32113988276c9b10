"""Finished numbers as console text, JSON, HTML and Markdown.

What makes files that few ask for is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from utils.reporting._benchmark import render_benchmark
from utils.reporting._comparing import render_comparison, render_parallel, render_partial
from utils.reporting._json import export_document, json_text
from utils.reporting._run import render_plan, render_run
from utils.reporting._showing import show

if TYPE_CHECKING:
    from utils.reporting._html import render_html
    from utils.reporting._markdown import render_markdown

__all__ = [
    "export_document",
    "json_text",
    "render_benchmark",
    "render_comparison",
    "render_html",
    "render_markdown",
    "render_parallel",
    "render_partial",
    "render_plan",
    "render_run",
    "show",
]

_SELDOM = {
    "render_html": "utils.reporting._html",
    "render_markdown": "utils.reporting._markdown",
}


def __getattr__(name: str) -> Any:
    if name not in _SELDOM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_SELDOM[name]), name)
