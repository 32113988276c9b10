"""Reports as JSON."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from utils.errors import OutputError
from utils.records import as_mapping

__all__ = ["export_document", "json_text", "write_json"]


def json_text(document: Mapping[str, Any]) -> str:
    """Return `document` as strict JSON: records as objects, other unknown things as text."""
    return json.dumps(document, indent=2, default=_plainer, allow_nan=False) + "\n"


def export_document(
    command: str, settings: Any, machine: Mapping[str, Any], shared: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what an export holds of a run: its settings and all figures of the shared store."""
    figures = ("plan", "analysis", "sequential_metrics", "parallel_metrics")
    return {
        "command": command,
        "settings": settings,
        "machine": machine,
        **{key: shared[key] for key in figures if key in shared},
    }


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write `document` to `path` whole or not at all; raises `OutputError` when it cannot.

    A link is followed. What is no regular file (`/dev/stdout`, a pipe) is written to, not replaced.
    """
    text = json_text(document)
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
            f"--export-json {path}: cannot be written ({error.strerror}); name another file"
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


def _plainer(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return as_mapping(value)
    return str(value)
