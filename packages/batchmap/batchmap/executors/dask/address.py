"""Where a Dask scheduler is, and the certificates to reach it with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["DaskAddress", "TlsFiles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The files that Dask's own commands take for TLS, in PEM format."""

    ca_file: Path
    """Certificate of the authority that signed all others."""
    cert: Path
    """Certificate of this process."""
    key: Path
    """Private key of that certificate."""


@dataclass(frozen=True, slots=True)
class DaskAddress:
    """Where a Dask scheduler is, and the certificates to reach it with."""

    address: str
    """`HOST:PORT`, perhaps with a scheme before it."""
    tls: TlsFiles | None = None
    """`None`: as Dask's own configuration says."""

    @property
    def url(self) -> str:
        """Return the address with its scheme, which is `tls` where there are files for it."""
        has_scheme = "://" in self.address or self.tls is None
        return self.address if has_scheme else f"tls://{self.address}"
