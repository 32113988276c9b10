"""The promise that every output format keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from batchmap.records import ItemFailure

__all__ = ["Sink"]


class Sink(Protocol):
    """An output that can tell how far it is good, and be cut back to there.

    An `end` is a number of bytes; for Parquet, the number of its part files. All methods raise
    `OutputError` when the output cannot be written.
    """

    commit_every_s: float
    """How often `sync` is worth its cost, in seconds."""

    commit_soonest_s: float
    """After how many seconds at the soonest it is worth it, after items that took long."""

    shows_items: bool
    """Whether `encode` needs the items; where not, they may be left out."""

    def start(self, end: int) -> int:
        """Open the output, make it when missing, cut it back to `end`; return where it ends.

        That is less than `end` when the output is shorter; then nothing is cut, and the caller
        decides and starts again with a smaller end.
        """

    def encode(
        self, indexes: Sequence[int], items: Sequence[Any], results: Sequence[Any]
    ) -> tuple[list[Any], dict[int, ItemFailure]]:
        """Turn results into what `write` takes: a piece each, in order.

        What cannot be written is a failure, by its place in the sequence, and its piece is empty.
        """

    def write(self, pieces: Sequence[Any]) -> int:
        """Append the pieces, perhaps in memory only; return the output's end after them."""

    def sync(self) -> int:
        """Make all that was written durable; return the output's end.

        Raises `OutputError` also when somebody removed, replaced or changed the output meanwhile.
        """

    def rollback(self) -> int:
        """After a write failed, drop what is not out; return the output's end.

        That may be amid a piece; `start` cuts it back. Raises as `sync` does for what somebody
        else did to it.
        """

    def finish(self) -> None:
        """Make the output complete; called once, after the last `sync`."""

    def close(self) -> None:
        """Let go of the output; what was written since the last `sync` may be lost."""
