"""Writes the exports asked for: the report as JSON, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from batchmap.command.settings import EngineSettings
from batchmap.errors import OutputError
from batchmap.records import as_mapping
from batchmap.storage import is_stream, write_whole

from ..analysis.records import Case, Recommendation, Regression
from . import json_text

__all__ = ["write_export", "write_exports"]


def write_exports(
    settings: EngineSettings,
    document: Mapping[str, Any],
    cases: Sequence[Case],
    *,
    recommendations: Sequence[Recommendation] = (),
    regressions: Sequence[Regression] = (),
    with_streams: bool = True,
) -> None:
    """Write each export that `settings` name; those of before are replaced.

    `document` is what the JSON holds; it names the command, its settings and the machine. Without
    `with_streams`, what is no regular file is left alone, for what went there stays. Raises
    `OutputError` for a file that cannot be written, `UsageError` when a package is missing.
    """
    told = (document["command"], as_mapping(document["settings"]), document["machine"], cases)

    def wanted(path: Path | None) -> TypeGuard[Path]:
        return path is not None and (with_streams or not is_stream(path))

    if wanted(settings.export_json):
        write_export(settings.export_json, json_text(document), option="--export-json")
    if wanted(settings.export_markdown):
        from . import render_markdown

        text = render_markdown(*told, recommendations, regressions)
        write_export(settings.export_markdown, text, option="--export-markdown")
    if wanted(settings.export_html):
        from . import render_html

        text = render_html(*told, recommendations, regressions)
        write_export(settings.export_html, text, option="--export-html")


def write_export(path: Path, text: str, *, option: str) -> None:
    """Write `text` to `path` whole or not at all; `option` names what asked for it.

    Raises `OutputError` when it cannot be written.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise OutputError(
            f"{option} {path}: cannot be written ({error.strerror}); name another file"
        ) from error
