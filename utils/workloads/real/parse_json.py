"""Real work that holds the GIL: JSON documents parsed and summed up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ..seeded import generator
from .base import RealWork, WorkItems
from .sample_text import make_words

__all__ = ["SumDocument", "prepare_parsing"]

MAX_DOCUMENTS = 100
"""How many documents are written; more items than that sum up other regions of the same ones."""

REGIONS = 12
ORDERS = 420
"""How many a document holds; that is about 100 kB."""

LINES = 4
"""How many an order has."""


@dataclass(frozen=True, slots=True)
class SumDocument:
    """Parses a document in `directory`, and sums up the orders of a region."""

    directory: str

    def __call__(self, item: tuple[str, int]) -> tuple[int, int]:
        """Return number of orders and sum (cents); an item is a document's name and a region."""
        name, region = item
        orders = json.loads((Path(self.directory) / name).read_bytes())["orders"]
        regional = [order for order in orders if order["region"] == region]
        cents = sum(line["pieces"] * line["cents"] for order in regional for line in order["lines"])
        return len(regional), cents


@contextmanager
def prepare_parsing(directory: Path, count: int, seed: int) -> Iterator[RealWork]:
    """Write documents; the items are each of them with one region after another."""
    random = generator(seed, "documents")
    words = make_words(random, 500)
    names = [f"document-{index:03}.json" for index in range(min(count, MAX_DOCUMENTS))]
    for name in names:
        document = {"orders": [_make_order(random, words) for _ in range(ORDERS)]}
        (directory / name).write_text(json.dumps(document), encoding="utf-8")
    items = tuple(
        (names[index % len(names)], index // len(names) % REGIONS) for index in range(count)
    )
    yield RealWork(SumDocument(str(directory)), WorkItems("documents", items))


def _make_order(random: Random, words: list[str]) -> dict[str, Any]:
    return {
        "region": random.randrange(REGIONS),
        "lines": [
            {
                "article": " ".join(random.choices(words, k=2)),
                "pieces": random.randint(1, 9),
                "cents": random.randint(50, 20_000),
            }
            for _ in range(LINES)
        ],
    }
