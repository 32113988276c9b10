"""Compares the results of two runs item by item, by value, and shows where they differ."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from batchmap.records import ItemRecord

from ..records import Mismatch, Verdict
from .equality import same_value, without_addresses
from .result_log import ItemDigest, ItemNumber, LogEntry, ResultLog, did_run, entry_digest
from .value_diff import MAX_CHARACTERS, show_difference, shown
from .value_digest import value_digest

__all__ = ["compare_results", "failed_in_one_run", "outcome_texts", "result_of", "same_outcome"]

MAX_SHOWN = 3
"""Mismatches that a verdict shows."""

DID_NOT_RUN = "did not run"
TOO_LARGE = "(too large to keep)"

ONLY_NUMBERS_KEPT = (
    "beyond the budget of memory for results, only plain numbers are compared within the "
    "tolerance; all else there must be exactly equal"
)


def compare_results(
    sequential: ResultLog,
    parallel: ResultLog,
    *,
    tolerance: float = 0.0,
    place: Callable[[int], str],
) -> Verdict:
    """Compare the results of a sequential and a parallel run item by item.

    Results are compared by value, as `same_value` says, errors by type and text without addresses
    of objects. Where a log holds only the digest of a result, the digests must be equal. An item
    that did not run differs. `place` gives the place of an item in words, by its index.
    Raises `ValueError` for a tolerance below 0.
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be at least 0, got {tolerance}")
    different, without_tolerance = 0, False
    failed_only = [0, 0]
    differences: list[Mismatch] = []
    for index in sequential.possibly_different(parallel):
        entries = sequential.entry(index), parallel.entry(index)
        if same_outcome(*entries, tolerance=tolerance):
            continue
        different += 1
        if (run := failed_in_one_run(*entries)) is not None:
            failed_only[run] += 1
        if all(map(did_run, entries)) and ItemDigest in map(type, entries):
            without_tolerance = tolerance > 0
        if len(differences) < MAX_SHOWN:
            texts = outcome_texts(*entries, tolerance=tolerance)
            differences.append(Mismatch(index, place(index), *texts))
    why = ONLY_NUMBERS_KEPT if without_tolerance else None
    return Verdict(not different, different, tuple(differences), why, *failed_only)


def failed_in_one_run(one: LogEntry, other: LogEntry) -> int | None:
    """Return which of two runs an item failed in, 0 or 1; `None` for both, neither or unknown."""
    failed = [_error_of(entry) is not None for entry in (one, other)]
    if failed[0] == failed[1] or not (_has_result(one) or _has_result(other)):
        return None
    return failed.index(True)


def same_outcome(one: LogEntry, other: LogEntry, *, tolerance: float = 0.0) -> bool:
    """Return whether two runs of an item gave the same; an item that did not run never does."""
    if not (did_run(one) and did_run(other)):
        return False
    if isinstance(one, ItemDigest) or isinstance(other, ItemDigest):
        return entry_digest(one) == entry_digest(other)
    if _error_of(one) is not None or _error_of(other) is not None:
        return _error_of(one) == _error_of(other)
    return _same(result_of(one), result_of(other), tolerance=tolerance)


def outcome_texts(
    one: LogEntry,
    other: LogEntry,
    *,
    tolerance: float = 0.0,
    max_characters: int = MAX_CHARACTERS,
) -> tuple[str, str]:
    """Return what two runs of an item gave, as texts that show where they differ."""
    if _has_result(one) and _has_result(other):
        same = partial(_same, tolerance=tolerance)
        return show_difference(
            result_of(one), result_of(other), same=same, max_characters=max_characters
        )
    errors = _error_text(one), _error_text(other)
    if (
        errors[0] is not None
        and errors[1] is not None
        and max(len(errors[0]), len(errors[1])) > max_characters
    ):
        return show_difference(errors[0], errors[1], same=str.__eq__, max_characters=max_characters)
    return _entry_text(one, max_characters), _entry_text(other, max_characters)


def result_of(entry: LogEntry) -> Any:
    """Return the result of an item whose log entry is more than a digest."""
    assert not isinstance(entry, ItemDigest)
    return entry.number if isinstance(entry, ItemNumber) else entry.result


def _same(one: Any, other: Any, *, tolerance: float) -> bool:
    """Compare by value; where the values' own methods raise, by digest."""
    same = same_value(one, other, tolerance=tolerance)
    return value_digest(one) == value_digest(other) if same is None else same


def _has_result(entry: LogEntry) -> bool:
    return isinstance(entry, ItemNumber) or (
        isinstance(entry, ItemRecord) and entry.failure is None
    )


def _entry_text(entry: LogEntry, max_characters: int) -> str:
    if isinstance(entry, ItemDigest):
        return TOO_LARGE if did_run(entry) else DID_NOT_RUN
    text = _error_text(entry)
    if text is not None:
        return text if len(text) <= max_characters else text[: max_characters - 1] + "…"
    return shown(result_of(entry), max_characters=max_characters)


def _error_text(entry: LogEntry) -> str | None:
    if not isinstance(entry, ItemRecord) or entry.failure is None:
        return None
    return f"{entry.failure.error_type}: {entry.failure.error}"


def _error_of(entry: LogEntry) -> tuple[str, str] | None:
    if not isinstance(entry, ItemRecord) or entry.failure is None:
        return None
    return entry.failure.error_type, without_addresses(entry.failure.error)
