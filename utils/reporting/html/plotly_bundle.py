"""Compresses Plotly's script, so that each page can hold it."""

from __future__ import annotations

import base64
import gzip
from functools import cache
from importlib import import_module

from batchmap.errors import UsageError

__all__ = ["packed_plotly"]


@cache
def packed_plotly() -> str:
    """Return Plotly's script, gzipped and in base64: 2 MB instead of 5 MB.

    Raises `UsageError` when plotly is missing.
    """
    try:
        offline = import_module("plotly.offline")
    except ImportError as error:
        raise UsageError(
            f"--export-html needs plotly for its charts ({error}); "
            "pip install -r requirements-html.txt, or use --export-markdown"
        ) from error
    script: str = offline.get_plotlyjs()
    return base64.b64encode(gzip.compress(script.encode(), 9, mtime=0)).decode()
