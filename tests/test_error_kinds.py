"""What counts as one kind of error."""

from __future__ import annotations

import pytest
from batchmap import error_kinds
from batchmap.error_kinds import MAX_KINDS_OF_A_TYPE, ErrorKinds
from batchmap.records import ItemFailure


def kinds_of(*errors: tuple[str, str]) -> list[tuple[str, int, str]]:
    kinds = ErrorKinds()
    for index, (error_type, message) in enumerate(errors):
        kinds.add(ItemFailure(error_type, message, ""), index)
    return [(one.pattern, one.number, one.place) for one in kinds.most_frequent(100)]


def test_numbers_in_messages_make_no_kinds_of_their_own() -> None:
    messages = [f"row {n} has {n * 1.5} of 0x{n:x}" for n in range(100, 600)]
    assert kinds_of(*(("ValueError", one) for one in messages)) == [
        ("row # has # of #", 500, "item 0")
    ]


@pytest.mark.parametrize(
    "message",
    [
        "HTTP {} for item {}",
        "HTTP Error {}: no more of {}",
        "HTTP/1.1 {} after {} s",
        "{} Client Error: Too Many Requests for url: http://x/{}",
        "Client error '{} Too Many Requests' for url 'http://x/{}'",
        "{}, message='Too Many Requests', url='http://x/{}'",
        "Error code: {} - {{'error': {}}}",
        "status={} item={}",
        "the server said {} Internal Server Error for {}",
    ],
)
def test_status_codes_make_kinds_of_their_own(message: str) -> None:
    failures = [("HTTPError", message.format(500 if n == 3 else 429, n)) for n in range(100)]
    assert [number for _, number, _ in kinds_of(*failures)] == [99, 1]


def test_a_number_that_only_looks_like_a_status_code_is_masked() -> None:
    assert len(kinds_of(*(("KeyError", f"{n}") for n in range(100, 600)))) == 1
    assert len(kinds_of(*(("ValueError", f"{n} is no year") for n in range(100, 600)))) == 1


def test_types_are_kinds_and_the_most_frequent_comes_first() -> None:
    assert kinds_of(("A", "no"), ("B", "no"), ("B", "no")) == [
        ("no", 2, "item 1"),
        ("no", 1, "item 0"),
    ]


def test_what_messages_quote_counts_while_there_are_few_kinds() -> None:
    assert len(kinds_of(("KeyError", "'name'"), ("KeyError", "'price'"))) == 2
    many = [("ValueError", f"no number: 'x{chr(97 + n)}'") for n in range(MAX_KINDS_OF_A_TYPE + 1)]
    assert kinds_of(*many, ("ValueError", "too large")) == [
        ("no number: …", MAX_KINDS_OF_A_TYPE + 1, "item 0"),
        ("too large", 1, f"item {MAX_KINDS_OF_A_TYPE + 1}"),
    ]


def test_status_codes_count_where_messages_have_nothing_else_in_common() -> None:
    words = [chr(97 + n) * 5 for n in range(26)]
    failures = [
        ("ApiError", f"{word} gave HTTP {429 if n else 500}") for n, word in enumerate(words)
    ]
    assert kinds_of(*failures) == [("429", 25, "item 1"), ("500", 1, "item 0")]


def test_memory_does_not_grow_with_what_errors_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_kinds, "MAX_TYPES", 3)
    kinds = ErrorKinds()
    for n in range(1000):
        word = "".join(chr(97 + int(digit)) for digit in f"{n:03}")
        kinds.add(ItemFailure(f"Error{n % 50}", f"status {n} {word}", ""), n)
    found = kinds.most_frequent(1000)
    assert len(found) <= 3 * MAX_KINDS_OF_A_TYPE + 1
    assert sum(one.number for one in found) == 1000
