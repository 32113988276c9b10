"""The journal of an output that lies in a store.

A store cannot append, so each commit is an object of its own, which holds what was noted since the
one before. They are played into a journal on this machine when the run begins, and kept in step.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from batchmap.checkpoint.journal import DIGEST_BYTES, Journal
from batchmap.errors import OutputError
from batchmap.storage.output_lease import OutputLease

__all__ = ["StoreJournal"]

_LOADED_TOGETHER = 64
"""How many objects are fetched side by side."""

_entry_name = re.compile(r".*/(\d{6,})-([0-9a-f]+)\.json\.z").fullmatch


class StoreJournal(Journal):
    """The journal of `output`, whichever machine wrote it so far.

    Changes are for who has taken the output.

    Raises `OutputHeldError` when a run on this machine holds it, or one on another has taken it
    over; `OutputError` when it cannot be read or written.
    """

    def __init__(self, output: OutputLease) -> None:
        self._output = output
        self._noted: list[list[Any]] = []
        self._mirror = _mirror_of(output)
        super().__init__(self._mirror, name=f"{output}.journal")
        try:
            self.forget()
            self._entries = self._found()
            self._play()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._mirror.unlink()
        super().close()

    # Each change goes to the store first -----------------------------------------------------

    def begin(self, fingerprint: dict[str, Any]) -> None:
        before = list(self._entries.values())
        self._write([["begin", fingerprint]])
        super().begin(fingerprint)
        try:
            self._output.store.remove(before)
        except OSError as error:
            raise self._output.failed(error) from error

    def go_on(self, fingerprint: dict[str, Any], *, retry_failed: bool) -> None:
        self._write([["go_on", fingerprint, retry_failed]])
        super().go_on(fingerprint, retry_failed=retry_failed)

    def finish(self) -> None:
        self._write([["finish"]])
        super().finish()

    def cut(self, end: int) -> int:
        self._write([["cut", end]])
        return super().cut(end)

    def add_done(self, first: int, digests: bytes, output_end: int) -> None:
        self._noted.append(["done", first, digests.hex(), output_end])
        super().add_done(first, digests, output_end)

    def add_failed(self, item: int, digest: bytes, line: str) -> None:
        self._noted.append(["failed", item, digest.hex(), line])
        super().add_failed(item, digest, line)

    def drop_beyond(self, end: int) -> int:
        self._noted = [one for one in self._noted if one[0] != "done" or one[-1] <= end]
        return super().drop_beyond(end)

    def commit(self) -> None:
        if self._noted:
            self._write(self._noted)
            self._noted = []
        super().commit()

    # The objects -----------------------------------------------------------------------------

    def _found(self) -> dict[int, str]:
        """Return the objects' paths by their numbers, in order."""
        found: dict[int, str] = {}
        try:
            paths = sorted(self._output.store.sizes_in(self._output.journal))
        except OSError as error:
            raise self._output.failed(error) from error
        for path in paths:
            if (named := _entry_name(path)) is not None:
                if int(named[1]) in found:
                    raise OutputError(
                        f"{self._output}: two runs wrote it at once, so nobody knows what it "
                        "holds; --overwrite begins anew"
                    )
                found[int(named[1])] = path
        return found

    def _play(self) -> None:
        numbers = sorted(self._entries)
        for start in range(0, len(numbers), _LOADED_TOGETHER):
            some = [self._entries[number] for number in numbers[start : start + _LOADED_TOGETHER]]
            try:
                loaded = self._output.store.read_all(some)
            except OSError as error:
                raise self._output.failed(error) from error
            for path, data in zip(some, loaded, strict=True):
                try:
                    for event in json.loads(zlib.decompress(data)):
                        self._apply(event)
                    super().commit()
                except (ValueError, TypeError, LookupError, zlib.error) as error:
                    raise OutputError(
                        f"{self._output.store.url_of(path)}: is damaged, or not of this program; "
                        "--overwrite begins anew"
                    ) from error

    def _apply(self, event: list[Any]) -> None:
        name, *values = event
        if name == "done":
            first, digests, end = values
            super().add_done(first, _digests(digests), end)
            return
        if name == "failed":
            item, digest, line = values
            super().add_failed(item, _digests(digest), line)
            return
        super().commit()
        if name == "begin":
            super().begin(*values)
        elif name == "go_on":
            super().go_on(values[0], retry_failed=values[1])
        elif name == "cut":
            super().cut(*values)
        elif name == "finish":
            super().finish()
        else:
            raise ValueError(name)

    def _write(self, events: list[list[Any]]) -> None:
        output = self._output
        output.check()
        number = max(self._entries, default=0) + 1
        path = f"{output.journal}/{number:06}-{output.owner}.json.z"
        try:
            output.store.write(path, zlib.compress(json.dumps(events).encode(), 1))
        except OSError as error:
            raise output.failed(error) from error
        self._entries[number] = path


def _digests(text: str) -> bytes:
    digests = bytes.fromhex(text)
    if len(digests) % DIGEST_BYTES:
        raise ValueError("no digests")
    return digests


def _mirror_of(output: OutputLease) -> Path:
    """Return the file that stands for the output's journal on this machine, for this user."""
    user = getattr(os, "getuid", int)()
    directory = Path(tempfile.gettempdir(), f"stored-journals-{user}")
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        if directory.stat().st_uid != user:
            raise PermissionError("it is another user's")
    except OSError as error:
        raise OutputError(f"{directory}: cannot be used ({error}); set TMPDIR") from error
    return directory / f"{hashlib.sha256(output.url.url.encode()).hexdigest()[:32]}.journal"
