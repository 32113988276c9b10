"""Equal entries are paired."""

from __future__ import annotations

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
