"""A journal that is kept elsewhere, as commits that hold the events since the one before.

When a run begins, they are replayed into a journal on this machine, the mirror, which then gets
every event, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zlib
from abc import abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any

from batchmap.checkpoint.journal import Journal
from batchmap.errors import OutputError
from batchmap.row_counts import ONE_EACH, is_for

__all__ = ["ReplayedJournal", "packed_events"]


class ReplayedJournal(Journal):
    """The journal of the output that messages call `output` and that `key` tells from all others.

    Raises `OutputHeldError` when a run on this machine holds it.
    """

    def __init__(self, output: str, key: str) -> None:
        self._events: list[list[Any]] = []
        self._mirror_path = _mirror_path_of(key)
        super().__init__(self._mirror_path, name=f"{output}.journal")
        try:
            self.forget()
            self._replay()
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _replay(self) -> None:
        """Apply all that was written, each commit by `_replay_commit`."""

    @abstractmethod
    def _write(self, events: list[list[Any]]) -> None:
        """Write events, durably, as the next commit."""

    def _replay_commit(self, data: bytes, name: str) -> None:
        """Apply the events of a commit that messages call `name`."""
        try:
            for event in json.loads(zlib.decompress(data)):
                self._apply(event)
            super().commit()
        except (ValueError, TypeError, LookupError, zlib.error) as error:
            raise OutputError(
                f"{name}: is damaged, or not of this program", advice="{overwrite} begins anew"
            ) from error

    def close(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._mirror_path.unlink()
        super().close()

    # Each change goes to the store first -----------------------------------------------------

    def begin(self, fingerprint: dict[str, Any]) -> None:
        self._write([["begin", fingerprint]])
        super().begin(fingerprint)

    def go_on(self, fingerprint: dict[str, Any], *, retry_failed: bool) -> None:
        self._write([["go_on", fingerprint, retry_failed]])
        super().go_on(fingerprint, retry_failed=retry_failed)

    def note_whole(self, negative_end: int, digest: bytes) -> None:
        self._write([["whole", negative_end, digest.hex()]])
        super().note_whole(negative_end, digest)

    def finish(self) -> None:
        self._write([["finish"]])
        super().finish()

    def cut(self, end: int) -> int:
        self._write([["cut", end]])
        return super().cut(end)

    def add_done(
        self, first: int, number: int, entries: bytes, output_end: int, rows: bytes = ONE_EACH
    ) -> None:
        self._events.append(["done", first, number, entries.hex(), rows.hex(), output_end])
        super().add_done(first, number, entries, output_end, rows)

    def add_failed(self, item: int, entry: bytes, line: str) -> None:
        self._events.append(["failed", item, entry.hex(), line])
        super().add_failed(item, entry, line)

    def add_stretch(self, output_end: int, digest: bytes) -> None:
        self._events = [one for one in self._events if one[0] != "stretch"]
        self._events.append(["stretch", output_end, digest.hex()])
        super().add_stretch(output_end, digest)

    def drop_beyond(self, end: int) -> int:
        self._events = [one for one in self._events if one[0] != "done" or one[-1] <= end]
        return super().drop_beyond(end)

    def commit(self) -> None:
        if self._events:
            self._write(self._events)
            self._events = []
        super().commit()

    def _apply(self, event: list[Any]) -> None:
        """Apply an event to the mirror; raises `ValueError` or `TypeError` for no event."""
        name, *values = event
        if name == "done":
            first, number, entries, packed, end = values
            rows = bytes.fromhex(packed)
            if not is_for(rows, number):
                raise ValueError("not so many rows")
            super().add_done(first, number, _parse_entries(entries, number), end, rows)
            return
        if name == "failed":
            item, entry, line = values
            super().add_failed(item, _parse_entries(entry, 1), line)
            return
        if name == "stretch":
            super().add_stretch(values[0], bytes.fromhex(values[1]))
            return
        super().commit()
        if name == "begin":
            super().begin(*values)
        elif name == "go_on":
            super().go_on(values[0], retry_failed=values[1])
        elif name == "cut":
            super().cut(*values)
        elif name == "whole":
            super().note_whole(values[0], bytes.fromhex(values[1]))
        elif name == "finish":
            super().finish()
        else:
            raise ValueError(name)


def packed_events(events: list[list[Any]]) -> bytes:
    """Return events as `_replay_commit` takes them."""
    return zlib.compress(json.dumps(events).encode(), 1)


def _parse_entries(text: str, number: int) -> bytes:
    entries = bytes.fromhex(text)
    if not entries or len(entries) % number:
        raise ValueError("not so many entries")
    return entries


def _mirror_path_of(key: str) -> Path:
    """Return the path of the output's journal on this machine, one for each user."""
    user = getattr(os, "getuid", int)()
    directory = Path(tempfile.gettempdir(), f"stored-journals-{user}")
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        if directory.stat().st_uid != user:
            raise PermissionError("it is another user's")
    except OSError as error:
        raise OutputError(f"{directory}: cannot be used ({error}); set TMPDIR") from error
    return directory / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.journal"
