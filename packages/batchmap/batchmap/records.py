"""The records that walk through the house: batches, what came of them, and the sums."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "Batch",
    "BatchRecord",
    "ErrorExample",
    "ItemFailure",
    "ItemRecord",
    "MappingRecord",
    "Plan",
    "RunOutcome",
    "UnreadableRecord",
    "as_mapping",
]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some items that travel to a worker together."""

    index: int
    """Place of the batch in the run, from 0."""
    first_item: int
    """Place of its first item in the input, from 0."""
    items: Sequence[Any]
    attempt: int = 1
    """Which attempt at its items this is."""
    spent_s: float = 0.0
    """What earlier attempts at its one item took, in seconds."""
    crashes: int = 0
    """How many workers have died at its one item."""

    def part(self, start: int, end: int) -> Batch:
        """Return the items from place `start` up to `end` as a batch of their own."""
        return Batch(self.index, self.first_item + start, self.items[start:end], self.attempt)


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """Why an item failed, as text, so that it survives the way out of a worker."""

    error_type: str
    """Name of the exception's class."""
    error: str
    """Its message, at most 8 KB."""
    traceback: str
    """At most 8 KB; empty when there is none."""


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """Stands for an item whose record in the input cannot be read; the function never sees it."""

    failure: ItemFailure
    text: str
    """The record as it stands in the input, at most 8 KB."""


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """What became of one item."""

    index: int
    """Place in the input, from 0."""
    result: Any
    """What the function returned; `None` when it failed."""
    failure: ItemFailure | None
    """`None` when it succeeded."""
    attempts: int
    """How often it was tried, at least 1."""
    duration_s: float
    """How long it held its worker, in all its attempts."""


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What became of one batch, packed for the way out of a worker."""

    batch_index: int
    first_item: int
    results: Sequence[Any]
    """One an item, `None` for a failed one; fewer than the batch has when it was cut short."""
    durations_s: array[float]
    """One an item; items that cost less than reading the clock share their time evenly."""
    failures: Mapping[int, ItemFailure]
    """By place in the batch."""
    attempts: Mapping[int, int]
    """By place in the batch; an item that is missing took one."""
    worker: str
    """Who did it: process and thread."""
    started_s: float
    """On the clock that all processes of the machine share."""
    ended_s: float
    cpu_s: float
    """CPU time that the worker's thread used."""

    @staticmethod
    def joined(parts: Sequence[BatchRecord]) -> BatchRecord:
        """Return the record of a batch that was handed over in parts, in their order."""
        first, last = parts[0], parts[-1]
        results: list[Any] = []
        durations_s = array("d")
        failures: dict[int, ItemFailure] = {}
        attempts: dict[int, int] = {}
        for part in parts:
            done = len(results)
            failures.update({place + done: told for place, told in part.failures.items()})
            attempts.update({place + done: told for place, told in part.attempts.items()})
            results.extend(part.results)
            durations_s.extend(part.durations_s)
        return BatchRecord(
            first.batch_index,
            first.first_item,
            results,
            durations_s,
            failures,
            attempts,
            last.worker,
            first.started_s,
            last.ended_s,
            sum(part.cpu_s for part in parts),
        )

    def part(self, start: int, end: int) -> BatchRecord:
        """Return the record of the items from place `start` up to `end`.

        The worker's CPU time is shared out by the items' number.
        """
        return BatchRecord(
            self.batch_index,
            self.first_item + start,
            self.results[start:end],
            self.durations_s[start:end],
            {place - start: told for place, told in self.failures.items() if start <= place < end},
            {place - start: told for place, told in self.attempts.items() if start <= place < end},
            self.worker,
            self.started_s,
            self.ended_s,
            self.cpu_s * (end - start) / len(self.results),
        )

    def item_records(self) -> Iterator[ItemRecord]:
        """Unpack the record of each item, in order."""
        for place, result in enumerate(self.results):
            yield ItemRecord(
                index=self.first_item + place,
                result=result,
                failure=self.failures.get(place),
                attempts=self.attempts.get(place, 1),
                duration_s=self.durations_s[place],
            )


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run is to be done, and why."""

    backend: str
    workers: int
    batch_size: int
    """Items in a batch; with a shrinking tail, in all but the last ones."""
    num_batches: int | None
    """`None` while the number of items is unknown."""
    why: tuple[str, ...]
    """The reasons, in plain words."""
    predicted_s: float | None = None
    """How long the whole run will take, measuring included; `None` when nothing was measured."""
    is_open: bool = False
    """Whether what is left open is chosen while the first items run."""


@dataclass(frozen=True, slots=True)
class ErrorExample:
    """How often a kind of error was seen, and the first of them."""

    error_type: str
    number: int
    place: str
    """Where the first item that failed so stands."""
    error: str


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What became of the items of `run`, and where it is kept."""

    written: int
    """Results that went to the output now."""
    failed: int
    """Items that failed now."""
    written_before: int
    """Results that were there when the run was resumed."""
    failed_before: int
    errors: tuple[ErrorExample, ...]
    """The most frequent first."""
    output: str
    errors_file: str | None
    """`None` where failed items are not kept."""
    finished: bool
    """Whether all items of the input are done."""
    halted: bool
    """Whether there were so many failures that the run was stopped."""


def as_mapping(record: DataclassInstance) -> dict[str, Any]:
    """Return the fields of a record by name; `type(record)(**mapping)` gives it back."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


class MappingRecord(Mapping[str, Any]):
    """A record that is also a mapping of its fields by name, and equal to any that is the same.

    The base of dataclasses with `eq=False`: `run["workers"]`, `run.get("workers")`, `dict(run)`,
    `function(**run)` and `run | {"more": 1}`, which gives a dict, all work.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return `values` as such a record: the same object where it is one.

        Other mappings may hold more than the fields. Raises `KeyError` for a field that is missing.
        """
        if isinstance(values, cls):
            return values
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})

    def __getitem__(self, name: str) -> Any:
        if name not in self.__dataclass_fields__:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dataclass_fields__)

    def __len__(self) -> int:
        return len(self.__dataclass_fields__)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other}

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**other, **self}
