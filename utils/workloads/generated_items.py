"""The items that the demonstration makes: numbers, texts, or both in turn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from .seeded import draw

__all__ = ["GeneratedItems"]


@dataclass(frozen=True, slots=True)
class GeneratedItems:
    """`total` items of a data type (`numbers`, `text`, `mixed`), made while they are iterated.

    They can be iterated any number of times: item `i` follows from `(seed, i)` alone.
    """

    data_type: str
    total: int
    seed: int = 0

    def __iter__(self) -> Iterator[int | str]:
        return map(self.item_at, range(self.total))

    def item_at(self, index: int) -> int | str:
        """Return the item at an index, from 0."""
        return _MAKERS[self.data_type](self.seed, index)

    def place(self, index: int) -> str:
        """Return the place of an item in words."""
        return f"item {index}"


def _make_number(seed: int, index: int) -> int:
    return int(10**11 + draw(seed, "number", index) * 39 * 10**11)


def _make_text(seed: int, index: int) -> str:
    random = Random(draw(seed, "text", index))
    words = random.choices(_WORDS, k=random.randint(30, 300))
    sentences = (words[start : start + 12] for start in range(0, len(words), 12))
    return " ".join(" ".join(sentence).capitalize() + "." for sentence in sentences)


def _make_mixed(seed: int, index: int) -> int | str:
    return (_make_text if index % 2 else _make_number)(seed, index)


_MAKERS: dict[str, Callable[[int, int], int | str]] = {
    "numbers": _make_number,
    "text": _make_text,
    "mixed": _make_mixed,
}

_WORDS = re.findall(
    r"\w+",
    """
    the a of and to in that it was for on with as at by from every some each other one two
    river bridge stone water market baker bread winter garden window letter harbour lantern
    engine signal paper morning evening wheel copper silver orchard mountain valley ferry
    carries builds opens turns keeps finds follows writes reads counts measures crosses waits
    slowly quickly often never again early late quiet bright narrow heavy plain distant
    """,
)
