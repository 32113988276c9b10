"""Turns what a conversion library raises at odd data into an error of the input.

Each of them has exceptions that its pages do not name: a `KeyError` for a time zone, a
`RecursionError` for a value that is nested deeply, a `ValueError` for digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast

from batchmap.errors import BatchmapError, InputError
from batchmap.foreign_errors import is_own_fault
from batchmap.row_blocks import RowBlock
from batchmap.sources.base import InputRecord, Source, one_line

__all__ = ["GuardedSource", "errors_of_reading", "guarded", "reader_of_blocks"]


@contextmanager
def errors_of_reading(name: str, place: Callable[[], str] | None = None) -> Iterator[None]:
    """Turn any error inside into an `InputError`, but what is a fault of this library.

    `name` says what is read; `place`, where it is known, how far it was read.
    """
    try:
        yield
    except BatchmapError:
        raise
    except Exception as error:
        if is_own_fault(error):
            raise
        where = name if place is None else place()
        why = f"{type(error).__name__}: {one_line(error):.300}".removesuffix(": ")
        raise InputError(f"{where}: cannot be read ({why}); check it there") from error


_Record = TypeVar("_Record")


class _InBlocks(Protocol):
    def records_in_blocks(
        self, wants_blocks: Callable[[], bool]
    ) -> Iterator[InputRecord | RowBlock | None]:
        """Yield what `records_and_pauses` does, in blocks where that can be.

        `wants_blocks` is called before each, and says whether it may be one.
        """


class GuardedSource:
    """A source whose records raise nothing but errors of this library."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def records(self) -> Iterator[Any]:
        return self._guarded(self._source.records())

    def records_and_pauses(self) -> Iterator[Any]:
        return self._guarded(self._source.records_and_pauses())

    def records_in_blocks(
        self, wants_blocks: Callable[[], bool]
    ) -> Iterator[InputRecord | RowBlock | None]:
        """Yield what the source does, which must be one that `reader_of_blocks` knows."""
        return self._guarded(cast(_InBlocks, self._source).records_in_blocks(wants_blocks))

    def _guarded(self, records: Iterator[_Record]) -> Iterator[_Record]:
        with errors_of_reading(self._source.name):
            yield from records


def guarded(source: Source) -> Source:
    """Return the same source, whose records raise nothing but errors of this library."""
    return cast(Source, GuardedSource(source))


def reader_of_blocks(
    source: Source,
) -> Callable[[Callable[[], bool]], Iterator[InputRecord | RowBlock | None]] | None:
    """Return what reads the records of a source in blocks; `None` where they come one by one."""
    if isinstance(source, GuardedSource) and reader_of_blocks(source._source) is None:
        return None
    # Of its class, as an instance may hand on what the source inside it has.
    if not hasattr(type(source), "records_in_blocks"):
        return None
    return cast(_InBlocks, source).records_in_blocks
