"""Finished numbers as console text and JSON."""

from utils.reporting._comparing import (
    render_benchmark,
    render_comparison,
    render_parallel,
    render_partial,
)
from utils.reporting._json import export_document, json_text, write_json
from utils.reporting._run import render_plan, render_run
from utils.reporting._showing import show

__all__ = [
    "export_document",
    "json_text",
    "render_benchmark",
    "render_comparison",
    "render_parallel",
    "render_partial",
    "render_plan",
    "render_run",
    "show",
    "write_json",
]
