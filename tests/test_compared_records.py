"""Records compared with what is known of them: in blocks or one by one, the same is found."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from batchmap.checkpoint.compared_records import ComparedRecords
from batchmap.checkpoint.identity import DIGEST_BYTES, identity_of
from batchmap.sources import open_source
from batchmap.sources.line_formats import JsonLine
from batchmap.stopping import StopRequest, Urgency

RECORDS = {
    ".txt": [b"x\n", b"\n", b"two words\r\n", b"caf\xe9\n", "é\n".encode()],
    ".jsonl": [b"1\n", b'{"a": 1}\n', b"\n", b"not json\n", b'"x"\r\n'],
    ".csv": [b"1,2\n", b'"two\nlines",4\n', b'"x, y",2\n', b"1\n", b"caf\xe9,1\n"],
}


@pytest.mark.parametrize("suffix", RECORDS)
@pytest.mark.parametrize("seed", range(30))
def test_what_is_the_same_is_counted_and_the_rest_is_read(
    suffix: str, seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    path = tmp_path / f"in{suffix}"
    head = b"a,b\n" if suffix == ".csv" else b""
    path.write_bytes(head + b"".join(chance.choices(RECORDS[suffix], k=60)))
    source = open_source(str(path))
    identity = identity_of(source, None)
    records = list(source.records())
    limit = chance.choice([None, chance.randint(1, len(records))])
    expected = records[:limit]
    known = [identity.entry(*record) for record in expected]
    differs = chance.choice([len(known), chance.randrange(len(known))])
    if differs < len(known):
        known[differs] = bytes(DIGEST_BYTES)

    compared = ComparedRecords(source, identity, limit=limit, stop=StopRequest())
    same = 0
    while same < len(known):
        number = chance.randint(1, 12)
        some = known[same : same + number]
        found = compared.compare(b"".join(some), len(some))
        same += found
        if found:
            assert compared.last_position() == expected[same - 1][2]
        if found < len(some):
            break
    assert same == differs
    assert described(compared.rest()) == described(expected[differs:])


def described(records: Any) -> list[tuple[str, bytes, int]]:
    return [(repr(item), raw, where) for item, raw, where in records]


def test_what_is_the_same_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(5000)))
    source = open_source(str(path))
    identity = identity_of(source, None)
    known = b"".join(identity.entry(*record) for record in source.records())
    monkeypatch.setattr(JsonLine, "items", None)
    compared = ComparedRecords(source, identity, limit=None, stop=StopRequest())
    assert compared.compare(known, 5000) == 5000
    assert not list(compared.rest())


def test_none_come_once_a_stop_is_requested(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("a\nb\n")
    source = open_source(str(path))
    stop = StopRequest()
    stop.request(Urgency.DRAIN)
    compared = ComparedRecords(source, identity_of(source, None), limit=None, stop=stop)
    assert compared.compare(bytes(2 * DIGEST_BYTES), 2) == 0
    assert not list(compared.rest())
