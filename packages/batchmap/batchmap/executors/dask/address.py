"""Where a Dask scheduler is, and what it knows us by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["DaskAddress", "TlsFiles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The files that Dask's own commands take for TLS, in the form PEM."""

    ca_file: Path
    """Of the authority that signed the certificates of all."""
    cert: Path
    """Our certificate."""
    key: Path
    """Its private key."""


@dataclass(frozen=True, slots=True)
class DaskAddress:
    """Where a Dask scheduler is, and what it knows us by."""

    address: str
    """`HOST:PORT`, which may have a scheme before it."""
    tls: TlsFiles | None = None
    """`None`: as Dask's own configuration says."""

    @property
    def url(self) -> str:
        """Return the address with its scheme, which is `tls` where there are files for it."""
        has_scheme = "://" in self.address or self.tls is None
        return self.address if has_scheme else f"tls://{self.address}"
