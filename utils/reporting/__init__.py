"""Finished numbers as console text, JSON, HTML and Markdown."""

from utils.reporting._benchmark import render_benchmark
from utils.reporting._comparing import render_comparison, render_parallel, render_partial
from utils.reporting._html import render_html
from utils.reporting._json import export_document, json_text
from utils.reporting._markdown import render_markdown
from utils.reporting._run import render_plan, render_run
from utils.reporting._showing import show

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
