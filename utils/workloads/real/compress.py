"""Real work on text: files of it compressed by zlib."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from ..seeded import generator
from .base import RealWork, WorkItems
from .sample_text import make_text, make_words

__all__ = ["CompressText", "prepare_compressing"]

VOCABULARY = 3_000
TEXT_WORDS = 20_000
LEVEL = 9


@dataclass(frozen=True, slots=True)
class CompressText:
    """Compresses a text in `directory`, and returns by how much."""

    directory: str

    def __call__(self, name: str) -> tuple[int, int, str]:
        """Return the size of a file before and after (bytes), and the digest of what it gives."""
        text = (Path(self.directory) / name).read_bytes()
        packed = zlib.compress(text, LEVEL)
        return len(text), len(packed), blake2b(packed, digest_size=16).hexdigest()


@contextmanager
def prepare_compressing(directory: Path, count: int, seed: int) -> Iterator[RealWork]:
    """Write `count` texts with the same vocabulary."""
    random = generator(seed, "texts")
    words = make_words(random, VOCABULARY)
    names = tuple(f"text-{index:04}.txt" for index in range(count))
    for name in names:
        (directory / name).write_text(make_text(random, words, TEXT_WORDS), encoding="utf-8")
    yield RealWork(CompressText(str(directory)), WorkItems("texts", names))
