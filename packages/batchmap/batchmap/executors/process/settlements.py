"""What settles the futures of a pool's calls, to be done where no lock is held."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from batchmap.executors.call_future import fail
from batchmap.executors.process.worker_handle import Settle

__all__ = ["Settlements"]


class Settlements:
    """The futures that are to be settled, and what will settle those of finished calls.

    Settling a future runs its callbacks, which may be anybody's and take any lock.
    """

    def __init__(self) -> None:
        self._due: deque[Settle] = deque()
        self._unsettled: set[Future[Any]] = set()

    def expect(self, future: Future[Any]) -> None:
        """Add a future that must be settled some time."""
        self._unsettled.add(future)
        Future.add_done_callback(future, self._unsettled.discard)  # which raises nothing

    def add(self, settle: Settle) -> None:
        """Add what is to be done without a lock."""
        self._due.append(settle)

    def fail_all(self, why: str) -> None:
        """Have all futures that are not settled raise `BrokenProcessPool`."""
        for future in tuple(self._unsettled):
            self.add(partial(fail, future, BrokenProcessPool(why)))

    def make(self) -> None:
        """Do all that is due; what is interrupted is due again."""
        while self._due:
            self._due[0]()
            self._due.popleft()
