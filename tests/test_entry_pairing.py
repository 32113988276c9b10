"""Equal entries are paired."""

from __future__ import annotations

import pytest
from batchmap import OutputError
from batchmap.checkpoint.entry_pairing import EntryPairing


def test_entries_are_paired_the_first_with_the_first() -> None:
    pairing = EntryPairing(16)
    names = {name: name.encode() * 16 for name in "abcd"}
    pairing.add_old(names[name] for name in "abac")
    pairing.add_new(names[name] for name in "cdaaa")
    pairing.pair()
    assert list(pairing.old_of) == [3, -1, 0, 2, -1]
    assert (pairing.unpaired(4), pairing.moved(4)) == (1, 1)
    assert list(pairing.new_entries()) == [names[name] for name in "cdaaa"]
    pairing.close()


def test_no_room_for_the_entries_is_an_error_that_says_where() -> None:
    pairing = EntryPairing(16)
    pairing._sql.execute("PRAGMA max_page_count = 10")
    with pytest.raises(OutputError, match="make room there, or set TMPDIR"):
        pairing.add_old(number.to_bytes(16, "big") for number in range(10_000))
    pairing.close()
