"""An output that lies in a store: its directories there, and who may write it now.

OUTPUT             there once the run is done
OUTPUT.parts/      what is done so far
OUTPUT.journal/    what the run knows of it, and `held` while somebody writes
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
from batchmap.storage import Store, StoreUrl, why_failed
from batchmap.text import printable

__all__ = ["OutputLease", "kept_beside"]

_logger = logging.getLogger("output")


class OutputLease:
    """The output at `url`, to be written by one run at a time.

    Two runs on one machine are kept apart by the journal. Of those on several, the one that
    comes later takes the output over, and the earlier one's `check` raises `OutputHeldError`.
    All raise `OutputError` where the store does not do what it is asked for.
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
        self._held = f"{self.journal}/held.json"
        self._is_ours = False

    def __str__(self) -> str:
        return str(self.url)

    def failed(self, error: OSError) -> OutputError:
        """Return what to raise when the store fails."""
        told = printable(why_failed(error))
        return OutputError(
            f"{printable(str(self.url))}: the store failed ({told}); mend that and run the "
            "same command with --resume"
        )

    def exists(self) -> bool:
        """Tell whether the finished output is there."""
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
        """Make the output this run's own."""
        if self._is_ours:
            return
        ours = {
            "owner": self.owner,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            self.store.make_directory(self.journal)
            self.store.make_directory(self.parts)
            if (other := self._holder()) is not None:
                _logger.warning("%s: taken over from %s", self.url, _told(other))
            self.store.write(self._held, json.dumps(ours).encode())
        except OSError as error:
            raise self.failed(error) from error
        self._is_ours = True

    def check(self) -> None:
        """Raise `OutputHeldError` when another run has taken the output over."""
        try:
            holder = self._holder()
        except OSError as error:
            raise self.failed(error) from error
        if holder is None or holder.get("owner") != self.owner:
            self._is_ours = False
            by = "another run" if holder is None else _told(holder)
            raise OutputHeldError(f"{self.url}: taken over by {by}; leave it to that one")

    def release(self) -> None:
        """Let others take the output without being told of this run."""
        if self._is_ours:
            self._is_ours = False
            with suppress(OSError, OutputHeldError, OutputError):
                self.check()
                self.store.remove([self._held])

    def _holder(self) -> dict[str, object] | None:
        try:
            found = json.loads(self.store.read(self._held))
        except FileNotFoundError:
            return None
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def kept_beside(url: StoreUrl) -> list[StoreUrl]:
    """Return what lies beside the output at `url` while it is written: directories and a draft."""
    return [StoreUrl(f"{url.url}.{what}") for what in ("parts", "journal", "draft")]


def _told(holder: dict[str, object]) -> str:
    told = (
        f"a run on {holder.get('host')}, process {holder.get('pid')}, since {holder.get('since')}"
    )
    return printable(told)
