"""What every sink promises: results are appended, and can be cut back to what is durable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

from batchmap.records import ItemFailure
from batchmap.row_blocks import RowForm, Segment
from batchmap.row_counts import ONE_EACH

__all__ = ["Commit", "Kept", "NoteDigest", "Sink", "Stretch", "no_note", "output_digest"]

Stretch = tuple[int, bytes]
"""Where the output ended after a `sync`, and the digest of what that one added."""


NoteDigest = Callable[[int, bytes], None]
"""Takes the negative of the end of an output that is written anew, and its digest."""


class Commit(NamedTuple):
    """What stands in an output of some items in a row."""

    number: int
    """How many items they are."""
    rows: bytes
    """How many rows each has (`row_counts`)."""
    end: int
    """Where the output ends after them."""


class Kept(NamedTuple):
    """Results of items that were read back from an output of the same format."""

    pieces: list[Any]
    """One for each item: its lines or rows of CSV as text, its rows as a list of dicts; a dict
    alone where each item has one row."""
    columns: tuple[str, ...] | None = None
    """The columns of the output that they are from, where its pieces do not name them."""
    schemas: Sequence[Any] = ()
    """The schemas of its files, for Parquet."""
    number: int | None = None
    """How many items they are of, where one piece is the text of them all."""
    rows: bytes = ONE_EACH
    """How many rows each item has (`row_counts`)."""


def no_note(_negative_end: int, _digest: bytes) -> None:
    """Note nothing."""


def output_digest(data: bytes | memoryview = b"") -> blake2b:
    """Return the hash, to be updated, whose digests tell whether an output was changed."""
    return blake2b(data, digest_size=16)


class Sink(Protocol):
    """An output that is written in pieces, one a row, and can be cut back to an earlier end.

    An `end` says how much there is: a number of bytes; for Parquet, of part files. All methods
    raise `OutputError` when the output cannot be written.
    """

    commit_every_s: float
    """After how many seconds `sync` is worth its cost."""

    commit_soonest_s: float
    """The same after items that took long, whose loss would cost more; at most as many."""

    shows_items: bool
    """Whether `encode` needs the items; where not, they may be left out."""

    @property
    def digest(self) -> bytes | None:
        """Return the digest of what the last `sync` made durable, `None` for nothing new."""

    def check(self, stretches: Iterable[Stretch]) -> None:
        """Compare the output with the digests of what it was made of, one for each `sync`.

        Called before `start`; changes nothing. What is missing at the end is none of its business.
        Raises `OutputError` where the output is not what was written.
        """

    def start(self, end: int) -> int:
        """Open the output, create it when missing, cut it back to `end`; return where it ends.

        That is less than `end` when the output is shorter. Then nothing is cut, and the caller
        starts it again with a smaller end.
        """

    @property
    def encoder(self) -> Callable[[Any], Any]:
        """Return what turns a result into what `encode` takes.

        It is called where the item ran, which may be in another process, so that what comes from
        there is text and numbers and not an object of the user's. Raises `Unwritable` for a result
        that cannot be written.
        """

    def encode(
        self, indexes: Sequence[int], items: Sequence[Any], encoded: Sequence[Any]
    ) -> tuple[list[Any], dict[int, ItemFailure]]:
        """Return what `write` takes, a piece for each encoded result, and the failures.

        A result that cannot be written after the others is a failure, by its offset in `encoded`;
        its piece is empty. `indexes` are the item indexes.
        """

    def row_form(self) -> RowForm | None:
        """Return how rows are made of results now, wherever these are.

        `None` where `encode` has to make them, or as long as it has to.
        """

    def fitted(self, made: Segment) -> list[Any]:
        """Return what `write` takes of rows that were made by a form of this sink.

        One piece a row, or one of them all where none has failed.
        """

    def carry(self, kept: Kept, index: int) -> list[Any]:
        """Return what `write` takes of results that were read back from another output.

        `index` is the item index of the first of them now; those of the others follow. Text of one
        item is one piece. Raises `OutputError` where this output cannot hold them.
        """

    def write(self, pieces: Sequence[Any]) -> int:
        """Append the pieces, perhaps in memory only; return where the output ends then."""

    def sync(self) -> int:
        """Make all that was written durable; return where the output ends.

        Raises `OutputError` also when somebody removed, replaced or changed the output meanwhile.
        """

    def rollback(self) -> int:
        """Drop what is in memory after a write failed; return where the output ends.

        That may be in the middle of a piece; `start` cuts it back. After a `sync` that failed, it
        is where the last good one left it, for what was written since then may be lost. Raises
        `OutputError` also when somebody removed, replaced or changed the output meanwhile.
        """

    def finish(self, note: NoteDigest = no_note) -> None:
        """Make the output complete; called once, after the last `sync`.

        Where it is written anew for that, `note` gets its digest before it has its name, and the
        negative of its end.
        """

    def close(self) -> None:
        """Close the output; what was written since the last `sync` may be lost."""
