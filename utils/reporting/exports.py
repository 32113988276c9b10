"""Writes the exports that were asked for: the report as JSON, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from batchmap.command.export import json_text, write_export
from batchmap.command.settings import CommandSettings
from batchmap.storage.paths import is_stream

from .contents import ReportContents

__all__ = ["write_exports"]


def write_exports(
    settings: CommandSettings,
    document: Mapping[str, Any],
    contents: ReportContents,
    *,
    with_streams: bool = True,
) -> None:
    """Write each export that `settings` name, in place of an earlier one.

    `document` is what the JSON holds, the Markdown and the HTML are made of `contents`. With
    `with_streams=False`, pipes and devices get nothing, as what is written to them cannot be
    replaced later.

    Raises `OutputError` for a file that cannot be written, `UsageError` when a package is missing.
    """

    def is_wanted(path: Path | None) -> TypeGuard[Path]:
        return path is not None and (with_streams or not is_stream(path))

    if is_wanted(settings.export_json):
        write_export(settings.export_json, json_text(document), option="--export-json")
    if is_wanted(settings.export_markdown):
        from .markdown import render_markdown

        text = render_markdown(contents)
        write_export(settings.export_markdown, text, option="--export-markdown")
    if is_wanted(settings.export_html):
        from .html.render import render_html

        text = render_html(contents)
        write_export(settings.export_html, text, option="--export-html")
