"""The real work of the built-in workloads: what is computed of a text or a number."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

__all__ = ["analyse_number", "analyse_text", "parse_number"]

MAX_NUMBER = 10**14
"""Factoring it by trial division up to its root takes about a third of a second."""


def analyse_text(text: str) -> dict[str, Any]:
    """Return counts of `text`: words, unique words (case folded), characters, frequent words."""
    words = [word.casefold() for word in re.findall(r"[\w'’-]+", text)]
    counts = Counter(words)
    return {
        "word_count": len(words),
        "unique_words": len(counts),
        "characters": len(text),
        "average_word_length": sum(map(len, words)) / len(words) if words else 0.0,
        "most_frequent_words": sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:5],
    }


def analyse_number(number: int | float) -> dict[str, Any]:
    """Return square, root, primality and all factors of `number`, by trial division.

    A negative number has no real root (`None`); a fraction is no prime and has no factors; the
    factors of a negative whole number are those of its absolute value, zero has none.
    Raises `ValueError` for a number beyond ±10^14, or one that is not finite.
    """
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(f"{number} is not a finite number")
    size = abs(number)
    if size > MAX_NUMBER:
        raise ValueError(f"too large to factor by trial division: over {MAX_NUMBER:,}")
    factors = _factors(int(size)) if size == int(size) else []
    return {
        "number": number,
        "square": number * number,
        "root": math.sqrt(number) if number >= 0 else None,
        "is_prime": number > 1 and len(factors) == 2,
        "factors": factors,
    }


def _factors(number: int) -> list[int]:
    if number == 0:
        return []
    small = [divisor for divisor in range(1, math.isqrt(number) + 1) if number % divisor == 0]
    large = [number // divisor for divisor in reversed(small) if divisor * divisor != number]
    return small + large


def parse_number(text: str) -> int | float:
    """Return the number that `text` holds; raises `ValueError` when it holds none."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r:.60} is not a number") from None
