"""Finds which items of an input were done before, wherever they stood.

The input is compared with what the journal knows, in order, as long as both are the same. What
comes after the first difference is paired, equal items with equal ones (`entry_pairing`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from batchmap.checkpoint.compared_records import ComparedRecords
from batchmap.checkpoint.completion_log import ItemRange
from batchmap.checkpoint.done_items import DoneRange
from batchmap.checkpoint.entry_pairing import UNPAIRED, EntryPairing
from batchmap.checkpoint.identity import Identity, digest
from batchmap.sources import InputRecord, Source
from batchmap.stopping import StopRequest

__all__ = ["Differences", "ItemMatching", "KeptRange"]

_MAX_RANGE = 1000

KeptRange = tuple[int, int, bytes, int, int]
"""Items in a row that were done before: the index of the first one now, their number, their
entries, the number of the output that they are from, and the first one's address in it."""


@dataclass(slots=True)
class Differences:
    """How an input differs from what was done before, in numbers of items."""

    kept: int = 0
    """Done before, and needed again."""
    moved: int = 0
    """Of those, how many have to move for the others to be in the old order."""
    changed: int = 0
    """To be done again, since what they say has changed."""
    gone: int = 0


class ItemMatching:
    """The items of `source`, at most `limit`, compared with those that were done before.

    `outputs` give what is known of earlier outputs, each time they are called: the first one of the
    output as it is, in input order; others of results that were not put into it yet. `close` gives
    temporary files up. Where `stop` is requested, the rest of the input is left out.
    """

    def __init__(
        self,
        source: Source,
        identity: Identity,
        outputs: Sequence[Callable[[], Iterator[DoneRange]]],
        *,
        limit: int | None,
        stop: StopRequest,
    ) -> None:
        self._identity = identity
        self._outputs = outputs
        self.same = 0
        """How many items at the start of the input are the same, in the same order."""
        self.is_whole = False
        """Whether the input is the same from the start to the end."""
        self.is_in_order = True
        """Whether the results of these lie in input order."""
        self.differences = Differences()
        self._failed_places = array("q")
        """Index and position of each item that failed, of those at the start."""
        self._pairing: EntryPairing | None = None
        self._addresses = _Steps()
        """By the number of an old entry: where its result is."""
        self._ends: list[int] = []
        """How many old entries there are up to the end of each output."""
        self._positions = _Steps()
        """By the number of a new entry: the source's own number for it."""
        self._unread: Iterator[InputRecord] = iter(())
        """The records after the end of what was compared."""
        records = ComparedRecords(source, identity, limit=limit, stop=stop)
        left = self._compare_starts(outputs[0](), records)
        self.differences.kept = self.same
        self._match(left, records.rest())

    def count_to_do(self) -> int:
        """Return how many items are new or changed; the input is read to its end, once."""
        compared = 0 if self._pairing is None else len(self._pairing.old_of)
        number = self.same + compared + sum(1 for _ in self._unread)
        return number - self.differences.kept

    def close(self) -> None:
        """Remove what is not needed any more, and leave the input."""
        self._unread = iter(())
        if self._pairing is not None:
            self._pairing.close()

    def _compare_starts(
        self, old: Iterator[DoneRange], records: ComparedRecords
    ) -> Iterator[DoneRange]:
        """Count the items that are the same at the start; return those of before that follow."""
        expected = 0
        for done in old:
            if done.first != self.same:
                return chain([done], old)
            same = records.compare(done.entries, done.number)
            if done.address < 0 and same:
                self._failed_places.extend((self.same, records.last_position()))
            self.same += same
            if same < done.number:
                return chain([done.part(same, done.number)], old)
            if done.address >= 0:
                self.is_in_order = self.is_in_order and done.address == expected
                expected = done.address + done.number
        return iter(())

    def _match(self, old: Iterator[DoneRange], records: Iterator[InputRecord]) -> None:
        """Pair what follows the first difference."""
        more = [output() for output in self._outputs[1:]]
        firsts = [next(one, None) for one in (old, *more)]
        first_record = next(records, None)
        self.is_whole = firsts[0] is None and first_record is None
        if self.is_whole or not any(firsts):
            self._unread = records if first_record is None else chain([first_record], records)
            return  # where the input is longer, and nothing else was done, nothing is to be found
        self._pairing = pairing = EntryPairing(self._identity.compared_bytes)
        for first, rest in zip(firsts, (old, *more), strict=True):
            ranges = rest if first is None else chain([first], rest)
            self._ends.append(pairing.add_old(self._single(ranges)))
        is_of_files = self._identity.name == "file"
        if is_of_files:
            pairing.index_names()
        if first_record is not None:
            records = chain([first_record], records)
            pairing.add_new(self._new_entries(records, pairing if is_of_files else None))
        pairing.pair()
        before, counted = self._ends[0], self.differences
        counted.kept += len(pairing.old_of) - pairing.old_of.count(UNPAIRED)
        counted.changed = pairing.changed(before)
        counted.gone = pairing.unpaired(before) - counted.changed
        counted.moved = pairing.moved(before)

    def _single(self, ranges: Iterable[DoneRange]) -> Iterator[bytes]:
        """Yield the entries of items that were done, and note their addresses."""
        number = self._ends[-1] if self._ends else 0
        for done in ranges:
            size = len(done.entries) // done.number
            self._addresses.add(number, done.address)
            number += done.number
            for start in range(0, len(done.entries), size):
                yield done.entries[start : start + size]

    def _new_entries(
        self, records: Iterator[InputRecord], names: EntryPairing | None
    ) -> Iterator[bytes]:
        """Yield the entries of records, and note their positions."""
        entry_of, note = self._identity.entry, self._positions.add
        for number, (item, raw, where) in enumerate(records):
            note(number, where)
            if names is None:
                yield entry_of(item, raw, where)
            else:
                yield entry_of(item, raw, where, names.known_by_name(digest(raw)))

    # What was done before, in the order of the input now --------------------------------------

    def done_ranges(self) -> Iterator[ItemRange]:
        """Yield the items that need not be done, in input order."""
        for first, number, entries, _, _ in self.kept():
            yield first, number, entries

    def kept(self) -> Iterator[KeptRange]:
        """Yield the items that were done before, in the order of the input now."""
        left = self.same
        for done in self._outputs[0]() if left else ():
            taken = done if done.number <= left else done.part(0, left)
            yield taken.first, taken.number, taken.entries, 0, taken.address
            left -= taken.number
            if not left:
                break
        if self._pairing is not None:
            yield from self._paired(self._pairing)

    def _paired(self, pairing: EntryPairing) -> Iterator[KeptRange]:
        addresses = self._addresses
        some: list[bytes] = []
        first = address = last = UNPAIRED
        for number, (entry, old) in enumerate(
            zip(pairing.new_entries(), pairing.old_of, strict=True)
        ):
            follows = (
                old == last + 1 and addresses[old] == address + len(some) > 0
                if some and old != UNPAIRED
                else False
            )
            if some and (not follows or len(some) == _MAX_RANGE):
                yield first, len(some), b"".join(some), self._output(last), address
                some = []
            if old != UNPAIRED:
                if not some:
                    first, address = self.same + number, addresses[old]
                some.append(entry)
            last = old
        if some:
            yield first, len(some), b"".join(some), self._output(last), address

    def _output(self, old: int) -> int:
        """Return the number of the output that an old entry is from."""
        return next(number for number, end in enumerate(self._ends) if old < end)

    def kept_failures(self) -> int:
        """Return how many of the items that were done before have failed."""
        return sum(1 for _ in self.failed_places())

    def failed_places(self) -> Iterator[tuple[int, int]]:
        """Yield of each item that failed before its index now, and its position in the source."""
        pairs = iter(self._failed_places)
        yield from zip(pairs, pairs, strict=True)
        if self._pairing is not None:
            for number, old in enumerate(self._pairing.old_of):
                if old != UNPAIRED and self._addresses[old] < 0:
                    yield self.same + number, self._positions[number]


class _Steps:
    """Numbers that mostly grow by one from index to index, in little memory."""

    def __init__(self) -> None:
        self._starts, self._values = array("q"), array("q")
        self._next = (-1, 0)

    def add(self, index: int, value: int) -> None:
        """Note a value; those of the indexes up to the next one that is noted are one more each."""
        start, first = self._next
        if start < 0 or value - index != first - start:
            self._starts.append(index)
            self._values.append(value)
            self._next = index, value

    def __getitem__(self, index: int) -> int:
        at = bisect_right(self._starts, index) - 1
        return self._values[at] + index - self._starts[at]
