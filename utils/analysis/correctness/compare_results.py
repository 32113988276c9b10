"""Compares the results of two runs item by item, by value, and shows where they differ."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from batchmap.records import ItemRecord

from ..records import Mismatch, Verdict
from .equality import same_value, without_addresses
from .result_log import Entry, ItemDigest, ItemNumber, ResultLog, digest_of, entry_digest
from .value_diff import show_difference, shown

__all__ = ["compare_results", "did_run", "outcome_texts", "same_outcome"]

MOST_SHOWN = 3
MOST_CHARACTERS = 200

DID_NOT_RUN = "did not run"
TOO_LARGE = "(too large to keep)"

ONLY_NUMBERS_KEPT = (
    "beyond the budget of memory for results, only plain numbers are compared within the "
    "tolerance; all else there must be exactly equal"
)


def compare_results(
    one: ResultLog,
    other: ResultLog,
    *,
    tolerance: float = 0.0,
    place: Callable[[int], str],
) -> Verdict:
    """Compare the sequential run `one` and the parallel run `other` item by item.

    Values are compared as `same_value` says, errors by type and text, save for the addresses of
    objects in them; where the budget left a digest of a result, that must be equal. An item that
    did not run differs. `place` puts an item's index into words.
    Raises `ValueError` for a tolerance below 0.
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be at least 0, got {tolerance}")
    different, without_tolerance = 0, False
    differences: list[Mismatch] = []
    for index in one.possibly_different(other):
        mine, its = one.entry(index), other.entry(index)
        if same_outcome(mine, its, tolerance=tolerance):
            continue
        different += 1
        if did_run(mine) and did_run(its) and ItemDigest in (type(mine), type(its)):
            without_tolerance = tolerance > 0
        if len(differences) < MOST_SHOWN:
            texts = outcome_texts(mine, its, tolerance=tolerance)
            differences.append(Mismatch(index, place(index), *texts))
    why = ONLY_NUMBERS_KEPT if without_tolerance else None
    return Verdict(not different, different, tuple(differences), why)


def did_run(entry: Entry) -> bool:
    """Tell whether the item came to anything at all."""
    return not (isinstance(entry, ItemDigest) and entry.digest == 0)


def same_outcome(one: Entry, other: Entry, *, tolerance: float = 0.0) -> bool:
    """Tell whether an item came to the same twice; what did not run is never the same."""
    if not (did_run(one) and did_run(other)):
        return False
    if isinstance(one, ItemDigest) or isinstance(other, ItemDigest):
        return entry_digest(one) == entry_digest(other)
    if _error_of(one) is not None or _error_of(other) is not None:
        return _error_of(one) == _error_of(other)
    return _same(_result_of(one), _result_of(other), tolerance=tolerance)


def outcome_texts(
    one: Entry, other: Entry, *, tolerance: float = 0.0, most: int = MOST_CHARACTERS
) -> tuple[str, str]:
    """Return both as texts of at most `most` characters, made so that they show the difference."""
    if _is_kept_value(one) and _is_kept_value(other):
        same = partial(_same, tolerance=tolerance)
        return show_difference(_result_of(one), _result_of(other), same=same, most=most)
    errors = _error_text(one), _error_text(other)
    if (
        errors[0] is not None
        and errors[1] is not None
        and max(len(errors[0]), len(errors[1])) > most
    ):
        return show_difference(errors[0], errors[1], same=str.__eq__, most=most)
    return _alone(one, most), _alone(other, most)


def _same(one: Any, other: Any, *, tolerance: float) -> bool:
    """Compare by value; where that cannot be done, by digest."""
    same = same_value(one, other, tolerance=tolerance)
    return digest_of(one) == digest_of(other) if same is None else same


def _is_kept_value(entry: Entry) -> bool:
    return isinstance(entry, ItemNumber) or (
        isinstance(entry, ItemRecord) and entry.failure is None
    )


def _alone(entry: Entry, most: int) -> str:
    if isinstance(entry, ItemDigest):
        return TOO_LARGE if did_run(entry) else DID_NOT_RUN
    text = _error_text(entry)
    if text is not None:
        return text if len(text) <= most else text[: most - 1] + "…"
    return shown(_result_of(entry), most=most)


def _result_of(entry: Entry) -> Any:
    assert not isinstance(entry, ItemDigest)
    return entry.number if isinstance(entry, ItemNumber) else entry.result


def _error_text(entry: Entry) -> str | None:
    if not isinstance(entry, ItemRecord) or entry.failure is None:
        return None
    return f"{entry.failure.error_type}: {entry.failure.error}"


def _error_of(entry: Entry) -> tuple[str, str] | None:
    if not isinstance(entry, ItemRecord) or entry.failure is None:
        return None
    return entry.failure.error_type, without_addresses(entry.failure.error)
