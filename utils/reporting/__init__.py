"""Turns what was found out about runs into reports: text, Markdown, HTML and JSON.

    report.py             the report of a run or a comparison, and its export files
    benchmark_trials.py   the comparisons that a benchmark runs
    benchmark_results.py  the same for the benchmark
    revisions.py          the same for a task against a git revision
    exports.py            writes each export file that was asked for
    verdict.py            what every report says first
    text/                 the text report, a module for each command
    document/             what the Markdown and the HTML report hold, in no format yet
    contents.py           what a report in a file is made of
    charts/               the charts of the HTML report
    markdown.py, html/    one format each: a `document.model.Document` written out

To add an output format: put a renderer beside `markdown.py` that writes the document of
`document.contents.build_document`, call it in `exports.write_exports`, and give the settings an
`export_…` file for it. The JSON is `batchmap.command.export`, which the library's command shares.

Names are loaded when they are first asked for, so that a command pays only for the formats it
writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .benchmark_results import Benchmark
    from .benchmark_trials import Trial
    from .html.render import render_html
    from .markdown import render_markdown
    from .report import Report, build_report, show_report, write_report_files
    from .revisions import report_revisions
    from .text.benchmark import render_benchmark
    from .text.comparison import render_comparison, render_parallel, render_partial
    from .text.print import show
    from .text.run import render_run
    from .verdict import verdict

__all__ = [
    "Benchmark",
    "Report",
    "Trial",
    "build_report",
    "render_benchmark",
    "render_comparison",
    "render_html",
    "render_markdown",
    "render_parallel",
    "render_partial",
    "render_run",
    "report_revisions",
    "show",
    "show_report",
    "verdict",
    "write_report_files",
]

_MODULES = {
    "Benchmark": ".benchmark_results",
    "Trial": ".benchmark_trials",
    **dict.fromkeys(("Report", "build_report", "show_report", "write_report_files"), ".report"),
    **dict.fromkeys(("render_comparison", "render_parallel", "render_partial"), ".text.comparison"),
    "render_benchmark": ".text.benchmark",
    "render_html": ".html.render",
    "render_markdown": ".markdown",
    "render_run": ".text.run",
    "report_revisions": ".revisions",
    "show": ".text.print",
    "verdict": ".verdict",
}
"""Where each public name is defined."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name], __name__), name)
