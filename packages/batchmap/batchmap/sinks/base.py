"""What every sink promises: results are appended, and can be cut back to what is durable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from batchmap.records import ItemFailure

__all__ = ["Sink"]


class Sink(Protocol):
    """An output that is written in pieces, one a result, and can be cut back to an earlier end.

    An `end` says how much there is: a number of bytes; for Parquet, of part files. All methods
    raise `OutputError` when the output cannot be written.
    """

    commit_every_s: float
    """After how many seconds `sync` is worth its cost."""

    commit_soonest_s: float
    """The same after items that took long, whose loss would cost more; at most as many."""

    shows_items: bool
    """Whether `encode` needs the items; where not, they may be left out."""

    def start(self, end: int) -> int:
        """Open the output, create it when missing, cut it back to `end`; return where it ends.

        That is less than `end` when the output is shorter. Then nothing is cut, and the caller
        starts it again with a smaller end.
        """

    def encode(
        self, indexes: Sequence[int], items: Sequence[Any], results: Sequence[Any]
    ) -> tuple[list[Any], dict[int, ItemFailure]]:
        """Return what `write` takes, a piece for each result, and the failures.

        A result that cannot be written is a failure, by its offset in `results`; its piece is
        empty. `indexes` are the item indexes.
        """

    def write(self, pieces: Sequence[Any]) -> int:
        """Append the pieces, perhaps in memory only; return where the output ends then."""

    def sync(self) -> int:
        """Make all that was written durable; return where the output ends.

        Raises `OutputError` also when somebody removed, replaced or changed the output meanwhile.
        """

    def rollback(self) -> int:
        """Drop what is in memory after a write failed; return where the output ends.

        That may be in the middle of a piece; `start` cuts it back. Raises `OutputError` also when
        somebody removed, replaced or changed the output meanwhile.
        """

    def finish(self) -> None:
        """Make the output complete; called once, after the last `sync`."""

    def close(self) -> None:
        """Close the output; what was written since the last `sync` may be lost."""
