"""Counts the errors of a run by kind: by type, and by message with its numbers masked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from batchmap.records import ItemFailure
from batchmap.run_outcome import ErrorExample

__all__ = ["ErrorKinds"]

MAX_KINDS_OF_A_TYPE = 20
"""With more kinds, the messages of a type of error are told apart less finely."""

MAX_TYPES = 1000
"""Types of errors that are counted by themselves."""

OTHER_TYPES = "errors of other types"

MAX_CHARACTERS = 400
"""How much of a message says which kind it is."""

_BY_TYPE = 3
"""The level at which messages do not matter, see `error_masks`."""


@dataclass(slots=True)
class _Kind:
    number: int
    failure: ItemFailure
    index: int
    place: str
    """Of the first."""


class ErrorKinds:
    """How many errors there are of each kind, and the first of each; memory is bounded.

    A kind is a type of error and a message whose numbers do not matter, save for status codes: of
    HTTP, also of the error that was the cause, and what follows the words code, status, errno or
    signal. Where a type has many kinds,
    what its messages quote does not matter either, then nothing but status codes, then nothing.
    """

    def __init__(self) -> None:
        self._types: dict[str, tuple[int, dict[str, _Kind]]] = {}

    def add(self, failure: ItemFailure, index: int, place: str | None = None) -> None:
        """Count the failure of the item at `index`; `place` says where it stands, in words."""
        name = failure.error_type
        if name not in self._types and len(self._types) >= MAX_TYPES:
            name = OTHER_TYPES
        level, kinds = self._types.setdefault(name, (0 if name != OTHER_TYPES else _BY_TYPE, {}))
        pattern = _pattern(name, failure, level)
        if (known := kinds.get(pattern)) is not None:
            known.number += 1
            return
        failure = replace(failure, exception=None)  # as it is kept to the end
        kinds[pattern] = _Kind(1, failure, index, f"item {index}" if place is None else place)
        while len(kinds) > MAX_KINDS_OF_A_TYPE:
            level += 1
            kinds = _merged(name, kinds, level)
            self._types[name] = level, kinds

    def most_frequent(self, number: int) -> tuple[ErrorExample, ...]:
        """Return at most `number` kinds of errors, the most frequent first.

        Another thread may add some meanwhile.
        """
        found = [
            (name, pattern, kind)
            for name, (_, kinds) in list(self._types.items())
            for pattern, kind in list(kinds.items())
        ]
        found.sort(key=lambda one: -one[2].number)
        return tuple(
            ErrorExample(name, kind.number, kind.place, _told(kind.failure), pattern, kind.index)
            for name, pattern, kind in found[:number]
        )


def _told(failure: ItemFailure) -> str:
    """Return the message, with the status code of HTTP where it does not name it."""
    status = failure.http_status
    if status is None or f"{status}" in failure.error:
        return failure.error
    return f"{failure.error} (HTTP {status})"


def _merged(name: str, kinds: dict[str, _Kind], level: int) -> dict[str, _Kind]:
    """Return the kinds of a type as they are told apart at `level`, each with its first example."""
    merged: dict[str, _Kind] = {}
    for kind in kinds.values():  # in the order in which they were seen
        pattern = _pattern(name, kind.failure, level)
        known = merged.setdefault(pattern, kind)
        if known is not kind:
            known.number += kind.number
    return merged


def _pattern(error_type: str, failure: ItemFailure, level: int) -> str:
    from batchmap.error_masks import masked_message  # which takes some milliseconds

    message = failure.error[:MAX_CHARACTERS]
    return masked_message(error_type, message, level, failure.http_status)
