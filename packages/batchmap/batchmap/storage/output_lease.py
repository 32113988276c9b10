"""An output in a store: the files beside it, and the lease of the one run that may write it.

    OUTPUT                      the output, once the run is done
    OUTPUT.parts/               the results so far
    OUTPUT.journal/             the journal of the run
    OUTPUT.journal/held.json    the run that holds the lease

A store has no locks, so a lease cannot be refused: the run that acquires it last holds it, and the
one before notices as soon as it checks.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

from batchmap.errors import OutputError, OutputHeldError
from batchmap.storage.object_store import Store
from batchmap.storage.store_errors import why_failed
from batchmap.storage.urls import StoreUrl
from batchmap.text import printable

__all__ = ["OutputLease", "kept_beside"]

_logger = logging.getLogger("output")


class OutputLease:
    """The output at `url`, which one run at a time may write.

    The journal keeps two runs on one machine apart. Of runs on several machines, the one that
    acquires the lease later takes the output over, and the earlier one's `check` raises
    `OutputHeldError`. All methods raise `OutputError` where a request to the store fails.
    """

    def __init__(self, url: StoreUrl) -> None:
        self.url = url
        try:
            self.store = Store(url)
        except OSError as error:
            raise self.failed(error) from error
        self.path = self.store.path
        self.parts = f"{self.path}.parts"
        self.journal = f"{self.path}.journal"
        self.owner = uuid4().hex[:12]
        self._lease_path = f"{self.journal}/held.json"
        self._is_held = False

    def __str__(self) -> str:
        return str(self.url)

    def failed(self, error: OSError) -> OutputError:
        """Return the error to raise when a request to the store failed."""
        return OutputError(
            f"{printable(str(self.url))}: the store failed ({printable(why_failed(error))})",
            advice="fix that and run the same command with {resume}",
        )

    def exists(self) -> bool:
        """Tell whether the finished output exists."""
        try:
            return self.store.size_bytes(self.path) is not None
        except OSError as error:
            raise self.failed(error) from error

    def has_journal(self) -> bool:
        """Tell whether some run has written here already."""
        try:
            return bool(self.store.sizes_in(self.journal))
        except OSError as error:
            raise self.failed(error) from error

    def acquire(self) -> None:
        """Make the output this run's own; a warning names the run that held it before."""
        if self._is_held:
            return
        holder = {
            "owner": self.owner,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            self.store.make_directory(self.journal)
            self.store.make_directory(self.parts)
            if (other := self._holder()) is not None:
                _logger.warning("%s: taken over from %s", self.url, _described(other))
            self.store.write(self._lease_path, json.dumps(holder).encode())
        except OSError as error:
            raise self.failed(error) from error
        self._is_held = True

    def check(self) -> None:
        """Raise `OutputHeldError` when another run has taken the output over."""
        try:
            holder = self._holder()
        except OSError as error:
            raise self.failed(error) from error
        if holder is None or holder.get("owner") != self.owner:
            self._is_held = False
            by = "another run" if holder is None else _described(holder)
            raise OutputHeldError(f"{self.url}: taken over by {by}; leave it to that one")

    def release(self) -> None:
        """Give the lease back, so that the next run gets it without a warning."""
        if self._is_held:
            self._is_held = False
            with suppress(OSError, OutputHeldError, OutputError):
                self.check()
                self.store.remove([self._lease_path])

    def _holder(self) -> dict[str, object] | None:
        try:
            found = json.loads(self.store.read(self._lease_path))
        except FileNotFoundError:
            return None
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def kept_beside(url: StoreUrl) -> list[StoreUrl]:
    """Return the URLs beside the output at `url` while it is written: directories and a draft."""
    return [StoreUrl(f"{url.url}.{what}") for what in ("parts", "journal", "draft")]


def _described(holder: dict[str, object]) -> str:
    host, pid, since = holder.get("host"), holder.get("pid"), holder.get("since")
    return printable(f"a run on {host}, process {pid}, since {since}")
