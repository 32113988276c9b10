"""Writes the exports asked for: the report as JSON, Markdown and HTML."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from utils.errors import OutputError
from utils.findings import Case, Recommendation, Regression
from utils.records import as_mapping
from utils.reporting import json_text
from utils.settings import EngineSettings

__all__ = ["write_exports", "write_whole"]


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
        return path is not None and (with_streams or not _is_stream(path))

    if wanted(settings.export_json):
        write_whole(settings.export_json, json_text(document), option="--export-json")
    if wanted(settings.export_markdown):
        from utils.reporting import render_markdown

        text = render_markdown(*told, recommendations, regressions)
        write_whole(settings.export_markdown, text, option="--export-markdown")
    if wanted(settings.export_html):
        from utils.reporting import render_html

        text = render_html(*told, recommendations, regressions)
        write_whole(settings.export_html, text, option="--export-html")


def write_whole(path: Path, text: str, *, option: str) -> None:
    """Write `text` to `path` whole or not at all; raises `OutputError` when it cannot.

    A link is followed. What is no regular file (`/dev/stdout`, a pipe) is written to, not replaced.
    `option` names what asked for it.
    """
    try:
        if _is_stream(path):
            with path.open("a", encoding="utf-8") as stream:
                stream.write(text)
            return
        target = Path(os.path.realpath(path))
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~_umask()
        handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".export-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(draft, mode)
            os.replace(draft, target)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as error:
        raise OutputError(
            f"{option} {path}: cannot be written ({error.strerror}); name another file"
        ) from error


def _is_stream(path: Path) -> bool:
    names = [path.absolute()]
    if path.is_symlink():
        names.append(path.readlink())
    by_descriptor = any(name.is_relative_to(root) for name in names for root in ("/dev", "/proc"))
    return by_descriptor or (path.exists() and not path.is_file())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
