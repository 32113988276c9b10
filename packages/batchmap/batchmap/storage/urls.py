"""URLs of files in stores: their parts, and how to show them without their secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["Location", "StoreUrl", "location_of", "scheme_of"]

_WEB = ("http", "https")

_scheme = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://").match


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A file that is reached by a URL, such as `s3://bucket/directory/name.jsonl`.

    Its text is the URL without user, password and, on the web, query: a signature may be there.
    """

    url: str

    def __str__(self) -> str:
        shown = re.sub(r"://[^/@]*@", "://", self.url)
        return shown.partition("?")[0] if self.is_of_the_web else shown

    @property
    def scheme(self) -> str:
        return scheme_of(self.url) or ""

    @property
    def is_of_the_web(self) -> bool:
        """Whether it is a web server's."""
        return self.scheme in _WEB

    @property
    def is_read_only(self) -> bool:
        """Whether what lies there cannot be written."""
        return self.is_of_the_web or "::" in self.url

    @property
    def name(self) -> str:
        """The last part of the path; empty for a directory."""
        return str(self).partition("://")[2].rpartition("/")[2]

    @property
    def suffixes(self) -> list[str]:
        return PurePosixPath(self.name).suffixes

    def with_name(self, name: str) -> StoreUrl:
        """Return the URL of a file beside this one."""
        return StoreUrl(self.url[: self.url.rindex("/") + 1] + name)


Location = Path | StoreUrl
"""Where a file is: on this machine, or in a store."""


def scheme_of(spec: str) -> str | None:
    """Return the scheme that `spec` begins with, in lower case; `None` for no URL."""
    found = _scheme(spec)
    return found[1].lower() if found else None


def location_of(spec: str) -> Location:
    """Return the file that `spec` names; `file:///path` is one of this machine."""
    scheme = scheme_of(spec)
    if scheme in ("file", "local"):
        return Path(spec.partition("://")[2])
    return Path(spec) if scheme is None else StoreUrl(f"{scheme}{spec[len(scheme) :]}")
