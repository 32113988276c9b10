"""Which URLs can be reached with the packages that are installed."""

from __future__ import annotations

from importlib import import_module

from batchmap.optional import install_command
from batchmap.storage.urls import StoreUrl
from batchmap.text import near_names

__all__ = ["why_unusable"]


def why_unusable(url: StoreUrl) -> str | None:
    """Return why no file can be reached by `url` and what helps; `None` when nothing is known."""
    try:
        fsspec = import_module("fsspec")
        known: list[str] = fsspec.available_protocols()
        if url.scheme in known:
            fsspec.get_filesystem_class(url.scheme)
            return None
    except ImportError as error:
        hint = near_names(url.scheme, ["sqlite", "postgresql"])
        return f"needs a package ({error}); {install_command('urls')}{hint}"
    hint = near_names(url.scheme, ["sqlite", "postgresql", *known])
    return (
        f"{url.scheme}:// is not known{hint}; known are sqlite:///, postgresql://, s3://, "
        "gs://, http://, https:// and what else fsspec has"
    )
