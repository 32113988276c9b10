"""The journal of an output that is a table: in the same database, committed with its rows."""

from __future__ import annotations

import os
from typing import Any

from batchmap.checkpoint.replayed_journal import ReplayedJournal, packed_events
from batchmap.storage.table_output import TableOutput

__all__ = ["TableJournal"]


class TableJournal(ReplayedJournal):
    """The journal of `output`; each of its commits is that of the rows that its sink has staged.

    With `anew`, what is in it is left unread, for a run that begins anew; it may be damaged.
    Raises `OutputHeldError` when another run holds it, `OutputError` when the database fails.
    """

    def __init__(self, output: TableOutput, *, anew: bool = False) -> None:
        self._output = output
        self._is_anew = anew
        url = output.url
        database = url.server if url.path is None else os.path.realpath(url.path)
        super().__init__(f"{output}", f"{database} {url.table}")

    def _replay(self) -> None:
        for events in () if self._is_anew else self._output.commits():
            self._replay_commit(events, f"{self._output}: its journal")

    def _write(self, events: list[list[Any]]) -> None:
        packed = packed_events(events)
        if events[0][0] == "begin":
            self._output.begin(packed)
        else:
            self._output.commit(packed)
