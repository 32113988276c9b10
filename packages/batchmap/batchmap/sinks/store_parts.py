"""The part files of an output in a store, where no file can be appended to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from batchmap.errors import OutputError
from batchmap.sinks.output_errors import changed_meanwhile
from batchmap.storage.output_lease import OutputLease

__all__ = ["StoreParts"]


class StoreParts:
    """The parts of `output`, by keys: numbers in their order; and the output they are merged into.

    Methods raise `OSError` where a request to the store fails, `OutputHeldError` when another run
    has taken the output over, and `OutputError` when somebody changed a part.
    """

    def __init__(self, output: OutputLease, suffix: str) -> None:
        self._output = output
        self._store = output.store
        self._suffix = suffix
        self._match_part = re.compile(rf".*/part-(\d{{15,}}){re.escape(suffix)}").fullmatch
        self._known: dict[str, int] = {}

    def sizes(self) -> dict[int, int]:
        """Return the sizes of the parts that exist, by key, in their order."""
        return {
            int(match[1]): size
            for path, size in sorted(self._store.sizes_in(self._output.parts).items())
            if (match := self._match_part(path)) is not None
        }

    def output_size(self) -> int | None:
        """Return the size of the merged output in bytes, `None` when it does not exist."""
        return self._store.size_bytes(self._output.path)

    def keep(self, sizes: dict[int, int], output_size: int | None) -> None:
        """Remove all parts but these, and the output where its size is `None`."""
        self._output.check()
        found = self._store.sizes_in(self._output.parts)
        kept = {self._path(key): size for key, size in sizes.items()}
        self._store.remove(
            path for path in found if self._match_part(path) is not None and path not in kept
        )
        if output_size is None:
            self._store.remove([self._output.path])
        else:
            kept[self._output.path] = output_size
        self._known = kept

    def check(self) -> None:
        """Raise `OutputError` when a file that was kept or written was removed or changed."""
        found = self._store.sizes_in(self._output.parts)
        if self._output.path in self._known:
            found[self._output.path] = self.output_size() or 0
        for path, size in self._known.items():
            if path not in found:
                raise changed_meanwhile(self._output.url, f"{path} was removed")
            if found[path] != size:
                raise changed_meanwhile(self._output.url, f"{path} was changed by somebody else")

    def write(self, key: int, data: bytes) -> None:
        """Write one part, whole."""
        self._output.check()
        self._store.write(self._path(key), data)
        self._known[self._path(key)] = len(data)

    def read(self, key: int) -> bytes:
        return self._store.read(self._path(key))

    @contextmanager
    def opened(self, key: int) -> Iterator[BinaryIO]:
        """Open a part to be read."""
        with self._store.opened(self._path(key)) as file:
            yield file

    @contextmanager
    def opened_output(self) -> Iterator[BinaryIO]:
        """Open the merged output to be read."""
        with self._store.opened(self._output.path) as file:
            yield file

    def merge(self, fill: Callable[[BinaryIO], Any]) -> None:
        """Have `fill` write the whole output, then remove the parts."""
        self._output.check()
        self.check()
        with self._store.draft_of(self._output.path, sum(self._known.values())) as file:
            fill(file)
        size = self.output_size()
        if size is None:
            raise OutputError(f"{self._output}: was removed as soon as it was written")
        self.keep({}, size)
        self.clear()

    def clear(self) -> None:
        """Remove the directory of the parts, which is empty."""
        self._store.remove_directory(self._output.parts)

    def _path(self, key: int) -> str:
        return f"{self._output.parts}/part-{key:015}{self._suffix}"
