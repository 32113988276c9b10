"""Words to make up texts, names and documents of."""

from __future__ import annotations

from random import Random

__all__ = ["generator", "make_text", "make_words"]

SYLLABLES = ("ba", "cor", "den", "fi", "gal", "hu", "ken", "lo", "mar", "nit", "or", "pes", "ru")


def generator(*key: object) -> Random:
    """Return a random generator whose numbers follow from `key` alone."""
    return Random(repr(key))


def make_words(random: Random, number: int) -> list[str]:
    """Return `number` words of two to four syllables; some come twice."""
    return ["".join(random.choices(SYLLABLES, k=random.randint(2, 4))) for _ in range(number)]


def make_text(random: Random, words: list[str], length: int) -> str:
    """Return a text of `length` of these `words`; those in front are the more frequent ones."""
    # As in any language, a word's frequency falls with its rank (Zipf 1949).
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    return " ".join(random.choices(words, weights, k=length))
