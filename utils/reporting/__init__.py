"""Finished numbers as console text, JSON, HTML and Markdown.

What makes files that few ask for is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .json_export import export_document, json_text
from .text.benchmark import render_benchmark
from .text.comparison import render_comparison, render_parallel, render_partial
from .text.print import show
from .text.run import render_plan, render_run

if TYPE_CHECKING:
    from .html.render import render_html
    from .markdown import render_markdown

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
    "render_html": ".html.render",
    "render_markdown": ".markdown",
}


def __getattr__(name: str) -> Any:
    if name not in _SELDOM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_SELDOM[name], __name__), name)
