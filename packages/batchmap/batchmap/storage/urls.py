"""URLs of files in stores: their parts, and how to show them without their secrets."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from batchmap.storage.secrets import secret_of, without_secrets

__all__ = ["Location", "StoreUrl", "location_of", "scheme_of"]

_WEB = ("http", "https")

_scheme = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://").match


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """The URL of a file in a store, such as `s3://bucket/directory/name.jsonl`.

    Its `str` is the URL without its secrets: user and password, and on the web the query, which may
    be a signature.
    """

    url: str

    def __str__(self) -> str:
        return without_secrets(self.url)

    def __repr__(self) -> str:
        return f"StoreUrl({str(self)!r})"

    @property
    def scheme(self) -> str:
        return scheme_of(self.url) or ""

    @property
    def is_of_the_web(self) -> bool:
        """Whether the file is a web server's."""
        return self.scheme in _WEB

    @property
    def is_read_only(self) -> bool:
        """Whether the file cannot be written."""
        return self.is_of_the_web or "::" in self.url

    @property
    def name(self) -> str:
        """The last part of the path; empty for a directory."""
        path = self.url.partition("://")[2]
        if "/" not in path:
            path = str(self).partition("://")[2]
        return (path.partition("?")[0] if self.is_of_the_web else path).rpartition("/")[2]

    @property
    def suffixes(self) -> list[str]:
        return PurePosixPath(self.name).suffixes

    def with_name(self, name: str) -> StoreUrl:
        """Return the URL of a file beside this one."""
        return StoreUrl(self.url[: self.url.rindex("/") + 1] + name)


Location = Path | StoreUrl
"""Where a file is: its path on this machine, or its URL in a store."""


def scheme_of(spec: str) -> str | None:
    """Return the scheme that `spec` begins with, in lower case; `None` when it is no URL."""
    found = _scheme(spec)
    return found[1].lower() if found else None


def location_of(spec: str) -> Location:
    """Return the location that `spec` names; `file:///path` is one of this machine.

    In such a URL, `%20` is a blank, unless there is a file that is spelled so.
    """
    spec = secret_of(spec)
    scheme = scheme_of(spec)
    if scheme in ("file", "local"):
        return _local_path(spec.partition("://")[2])
    return Path(spec) if scheme is None else StoreUrl(f"{scheme}{spec[len(scheme) :]}")


def _local_path(spelled: str) -> Path:
    path = spelled.removeprefix("localhost") if spelled.startswith("localhost/") else spelled
    with suppress(OSError, ValueError):  # a name that no file can have
        if Path(path).exists():
            return Path(path)
    return Path(unquote(path))
