"""Real work on files: checksums of files of some megabytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ..seeded import generator
from .base import RealWork, WorkItems

__all__ = ["HashFile", "prepare_hashing"]

MAX_FILES = 24
"""How many files are written; more items than that use the same files with other keys."""

MIN_FILE_BYTES = 2 * 2**20
MAX_FILE_BYTES = 4 * 2**20
READ_BYTES = 2**18


@dataclass(frozen=True, slots=True)
class HashFile:
    """Computes the SHA-256 checksum of a key and a file in `directory`."""

    directory: str

    def __call__(self, item: tuple[str, int]) -> str:
        """Return the checksum, in hexadecimal; an item is a file's name and a key."""
        name, key = item
        checksum = sha256(str(key).encode())
        with (Path(self.directory) / name).open("rb", buffering=0) as file:
            while block := file.read(READ_BYTES):
                checksum.update(block)
        return checksum.hexdigest()


@contextmanager
def prepare_hashing(directory: Path, count: int, seed: int) -> Iterator[RealWork]:
    """Write files of random bytes; the items are each of them with one key after another."""
    random = generator(seed, "files")
    names = [f"file-{index:02}.bin" for index in range(min(count, MAX_FILES))]
    for name in names:
        (directory / name).write_bytes(
            random.randbytes(random.randint(MIN_FILE_BYTES, MAX_FILE_BYTES))
        )
    items = tuple((names[index % len(names)], index // len(names)) for index in range(count))
    yield RealWork(HashFile(str(directory)), WorkItems("files", items))
