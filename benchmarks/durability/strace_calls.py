"""Reads the system calls of a run from a recording of strace."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TRACED", "Call", "calls_of"]

TRACED = (
    "openat,creat,close,write,pwrite64,writev,pwritev,truncate,ftruncate,fallocate,"
    "copy_file_range,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,"
    "mkdir,mkdirat,rmdir,link,linkat,lseek"
)
"""The system calls to be recorded, by `strace -f -y -xx`."""

_call = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?(?:[ (].*)?").fullmatch
_resumed = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)").fullmatch
_UNFINISHED = " <unfinished ...>"
_descriptor = re.compile(r"(\d+|AT_FDCWD)<([^>]*)>(\(deleted\))?").fullmatch
_piece = re.compile(r'iov_base=("[^"]*"(?:\.\.\.)?)')


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that succeeded."""

    name: str
    words: tuple[str, ...]
    result: int
    opened: str
    """The path of the descriptor that it returned."""

    def path(self, number: int) -> str:
        """Return the path that one argument names, by itself or by its descriptor."""
        word = self.words[number]
        if word.startswith('"'):
            return _bytes(word).decode()
        found = _descriptor(word)
        if found is None or found[3]:
            return ""
        return _unescaped(found[2]).decode()

    def descriptor(self) -> int:
        """Return the descriptor that is the first argument."""
        return int(self.words[0].partition("<")[0])

    def data(self) -> bytes:
        """Return what was written."""
        if self.name in ("writev", "pwritev"):
            pieces = b"".join(_bytes(piece) for piece in _piece.findall(", ".join(self.words)))
            return pieces[: self.result]
        return _bytes(self.words[1])[: self.result]


def _unescaped(text: str) -> bytes:
    if not text.startswith("\\x"):
        return text.encode()
    return bytes.fromhex(text.replace("\\x", ""))


def _bytes(word: str) -> bytes:
    if not word.endswith('"'):
        raise ValueError(f"the recording has been cut short: {word[-20:]}")
    return bytes.fromhex(word.strip('"').replace("\\x", ""))


def calls_of(recording: Iterable[str], directory: Path) -> Iterator[Call]:
    """Yield the calls that succeeded and name a path in `directory`, in the order of their ends."""
    mark = "".join(f"\\x{byte:02x}" for byte in os.fsencode(os.path.realpath(directory)))
    begun: dict[str, str] = {}
    for line in recording:
        line = line.rstrip("\n")
        if line.endswith(_UNFINISHED):
            begun[line.split(" ", 1)[0]] = line.removesuffix(_UNFINISHED)
            continue
        if found := _resumed(line):
            line = begun.pop(found[1]) + found[2]
        if mark in line and (found := _call(line)) and not found[4].startswith("-"):
            words = tuple(found[3].split(", "))
            yield Call(found[2], words, int(found[4]), _unescaped(found[5] or "").decode())
