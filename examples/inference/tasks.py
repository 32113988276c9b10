"""Classifies texts by a model: loaded once in each worker, called with lists of rows."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

__all__ = ["Model", "classify", "load", "word_numbers"]

MODEL = Path(os.environ.get("MODEL", "model.npz"))
"""The file that `train.py` wrote."""

WORD = re.compile(r"\w+")


class Model(NamedTuple):
    """A linear classifier of bags of words."""

    labels: list[str]
    weights: np.ndarray[Any, np.dtype[np.float32]]
    """A row for each word's number, a column for each label."""


def load() -> Model:
    """Return the model that was saved; raises `OSError` where there is none."""
    with np.load(MODEL) as saved:
        return Model(saved["labels"].tolist(), saved["weights"])


def word_numbers(text: str, number: int) -> list[int]:
    """Return the rows of the words of `text` in a table of `number` rows, at least one."""
    found = [crc32(word.encode()) % number for word in WORD.findall(text.lower())]
    return found or [0]


def classify(rows: list[dict[str, Any]], model: Model) -> list[dict[str, Any]]:
    """Return label and probability for each row's text, all in one computation.

    Raises `ValueError` for a row without one.
    """
    if missing := [number for number, row in enumerate(rows) if not row["text"].strip()]:
        raise ValueError(f"no text in row {missing[0] + 1} of {len(rows)}")
    words = [word_numbers(row["text"], len(model.weights)) for row in rows]
    ends = np.cumsum([len(numbers) for numbers in words])
    every = np.fromiter((number for numbers in words for number in numbers), np.int64, ends[-1])
    scores = np.add.reduceat(model.weights[every], np.concatenate([[0], ends[:-1]]))
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    return [
        {"label": model.labels[best], "probability": round(float(row[best]), 3)}
        for row, best in zip(scores, scores.argmax(axis=1), strict=True)
    ]
