"""The journal of an output in a store.

No file of a store can be appended to, so each commit is an object of its own, with the events since
the one before.
"""

from __future__ import annotations

import re
from typing import Any

from batchmap.checkpoint.replayed_journal import ReplayedJournal, packed_events
from batchmap.errors import OutputError
from batchmap.storage.output_lease import OutputLease

__all__ = ["StoreJournal"]

_FETCHED_TOGETHER = 64
"""How many objects are fetched concurrently."""

_match_object = re.compile(r".*/(\d{6,})-([0-9a-f]+)\.json\.z").fullmatch


class StoreJournal(ReplayedJournal):
    """The journal of `output`, whichever machine wrote it so far.

    Only the run that holds the lease of the output may change it. Raises `OutputHeldError` when a
    run on this machine holds the journal, or one on another machine has taken the output over;
    `OutputError` when it cannot be read or written.
    """

    def __init__(self, output: OutputLease) -> None:
        self._output = output
        super().__init__(f"{output}", output.url.url)

    def begin(self, fingerprint: dict[str, Any]) -> None:
        before = list(self._objects.values())
        super().begin(fingerprint)
        try:
            self._output.store.remove(before)
        except OSError as error:
            raise self._output.failed(error) from error

    def _list_objects(self) -> dict[int, str]:
        """Return the paths of the objects by their numbers, in order."""
        found: dict[int, str] = {}
        try:
            paths = sorted(self._output.store.sizes_in(self._output.journal))
        except OSError as error:
            raise self._output.failed(error) from error
        for path in paths:
            if (match := _match_object(path)) is not None:
                if int(match[1]) in found:
                    raise OutputError(
                        f"{self._output}: two runs wrote it at once, so nobody knows what it holds",
                        advice="{overwrite} begins anew",
                    )
                found[int(match[1])] = path
        return found

    def _replay(self) -> None:
        self._objects = self._list_objects()
        numbers = sorted(self._objects)
        for start in range(0, len(numbers), _FETCHED_TOGETHER):
            some = [self._objects[number] for number in numbers[start : start + _FETCHED_TOGETHER]]
            try:
                loaded = self._output.store.read_all(some)
            except OSError as error:
                raise self._output.failed(error) from error
            for path, data in zip(some, loaded, strict=True):
                self._replay_commit(data, f"{self._output.store.url_of(path)}")

    def _write(self, events: list[list[Any]]) -> None:
        """Write events as the next object, if this run still holds the lease."""
        output = self._output
        output.check()
        number = max(self._objects, default=0) + 1
        path = f"{output.journal}/{number:06}-{output.owner}.json.z"
        try:
            output.store.write(path, packed_events(events))
        except OSError as error:
            raise output.failed(error) from error
        self._objects[number] = path
