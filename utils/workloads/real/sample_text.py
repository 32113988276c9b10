"""Makes the words and texts that the scenarios of real work run over."""

from __future__ import annotations

from random import Random

__all__ = ["make_text", "make_words"]

SYLLABLES = ("ba", "cor", "den", "fi", "gal", "hu", "ken", "lo", "mar", "nit", "or", "pes", "ru")


def make_words(random: Random, number: int) -> list[str]:
    """Return `number` words of two to four syllables, some of them twice."""
    return ["".join(random.choices(SYLLABLES, k=random.randint(2, 4))) for _ in range(number)]


def make_text(random: Random, words: list[str], length: int) -> str:
    """Return a text of `length` of these `words`; the first ones are the most frequent."""
    # As in any language, the frequency of a word falls with its rank (Zipf 1949).
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    return " ".join(random.choices(words, weights, k=length))
