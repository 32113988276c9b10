"""Draws the states that a loss of power may leave on the disk, from the calls of a run.

What was synced is on the disk. Of what was written to a file since its last sync, nothing, all, a
prefix or any part may be there, a write may be torn, and the file may have its new length and none
of its new bytes. Of the names that were made, renamed or removed in a directory since its last
sync, a prefix is there. A file whose name is not there is lost with all that it holds.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.durability.strace_calls import Call

__all__ = ["Disk", "Tree", "tree_of"]

SECTOR = 512

Tree = dict[str, bytes | None]
"""The files of a directory by their path within it; `None` for a directory."""


@dataclass(slots=True, eq=False)
class File:
    """A file: what it held at its last sync, what was done since then, and what it holds."""

    synced: bytes = b""
    since: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Where bytes were written; a length with `None` where the file was cut or made longer."""
    now: bytearray = field(default_factory=bytearray)

    def act(self, offset: int, data: bytes | None) -> None:
        self.since.append((offset, data))
        _apply(self.now, offset, data)

    def sync(self) -> None:
        self.synced, self.since = bytes(self.now), []

    def draw(self, draw: random.Random) -> bytes:
        """Return what may be on the disk."""
        acts = list(self.since)
        content = bytearray(self.synced)
        how = draw.choice(("nothing", "all", "prefix", "torn", "some", "length"))
        if not acts or how == "nothing":
            return bytes(content)
        if how == "length":  # the file system notes the length before it has the bytes
            _apply(content, len(self.now), None)
            return bytes(content)
        if how in ("prefix", "torn"):
            acts = acts[: draw.randint(0, len(acts))]
        elif how == "some":
            acts = [act for act in acts if draw.random() < 0.5]
        if how == "torn" and acts and (data := acts[-1][1]):
            size = draw.randrange(len(data))
            acts[-1] = acts[-1][0], data[: size // SECTOR * SECTOR or size]
        for offset, data in acts:
            _apply(content, offset, data)
        return bytes(content)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
    content.extend(bytes(max(0, offset - len(content))))
    if data is not None:
        content[offset : offset + len(data)] = data


Names = dict[str, "File | Directory"]
Change = tuple["Directory", str, "File | Directory | None"]
"""In a directory, a name now means this, or nothing."""


@dataclass(slots=True, eq=False)
class Directory:
    """A directory: its names at its last sync, what was done to them since then, and its names."""

    synced: Names = field(default_factory=dict)
    since: list[tuple[int, tuple[Change, ...]]] = field(default_factory=list)
    """Changes that happen together, by their place in the order of all of them."""
    now: Names = field(default_factory=dict)

    def sync(self) -> None:
        for place, changes in self.since:
            for where, name, node in changes:
                _rename(where.synced, name, node)
                if where is not self:  # moved away from there, with what had led to it
                    where.since = [
                        one
                        for one in where.since
                        if one[0] > place or any(change[1] != name for change in one[1])
                    ]
        self.since = []


def _rename(names: Names, name: str, node: File | Directory | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


class Disk:
    """The directory of a run, which begins as `tree`, as calls change it.

    `ignored` holds names at its top that are not followed.
    """

    def __init__(self, root: Path, tree: Tree, ignored: Iterable[str]) -> None:
        self._prefix = os.path.realpath(root) + "/"
        self._ignored = frozenset(ignored)
        self._root = Directory()
        self._directories = [self._root]
        self._changes = 0
        self._at_end: dict[tuple[int, str], bool] = {}
        """By descriptor and path, whether all is written to the end of the file."""
        self._offsets: dict[tuple[int, str], int] = {}
        for name, content in sorted(tree.items()):
            directory, last = self._place(name) or (self._root, "")
            node = self._directory() if content is None else File(content, [], bytearray(content))
            directory.now[last] = directory.synced[last] = node

    def _directory(self) -> Directory:
        made = Directory()
        self._directories.append(made)
        return made

    def _place(self, path: str) -> tuple[Directory, str] | None:
        """Return the directory and the name of a path, `None` for one that is not of the run."""
        path = os.path.join(self._prefix, path)  # noqa: PTH118
        words = path.removeprefix(self._prefix).split("/")
        if not path.startswith(self._prefix) or words[0] in self._ignored:
            return None
        directory = self._root
        for word in words[:-1]:
            found = directory.now[word]
            assert isinstance(found, Directory), path
            directory = found
        return directory, words[-1]

    def _node(self, path: str) -> File | Directory | None:
        if path + "/" == self._prefix:
            return self._root
        place = self._place(path)
        return place and place[0].now.get(place[1])

    def _change(self, *changes: Change) -> None:
        for directory, name, node in changes:
            _rename(directory.now, name, node)
        self._changes += 1
        changes[-1][0].since.append((self._changes, changes))

    def act(self, call: Call) -> bool:
        """Do what a call did; tell whether it was of this directory."""
        name, base = call.name, call.name.removesuffix("2").removesuffix("at")
        if name in ("openat", "creat"):
            return self._open(call)
        if base in ("rename", "link"):
            return self._move(call, *([0, 1] if name == base else [1, 3]))
        if base in ("unlink", "rmdir", "mkdir"):
            place = self._place(call.path(int(name != base)))
            if place is not None:
                self._change((*place, self._directory() if base == "mkdir" else None))
            return place is not None
        if name in ("close", "lseek"):
            self._offsets[call.descriptor(), call.path(0)] = call.result
            return False
        node = self._node(call.path(0))
        if node is None:
            return False
        if name in ("fsync", "fdatasync"):
            node.sync()
            return True
        assert isinstance(node, File), call
        if name in ("ftruncate", "truncate"):
            node.act(int(call.words[1]), None)
        elif name in ("write", "pwrite64", "writev"):
            self._write(call, node)
        else:
            raise NotImplementedError(name)
        return True

    def _open(self, call: Call) -> bool:
        flags = call.words[-2 if "O_CREAT" in call.words[-2] else -1].split("|")
        if call.name == "creat":
            flags = ["O_CREAT", "O_TRUNC"]
        self._offsets[call.result, call.opened] = 0
        self._at_end[call.result, call.opened] = "O_APPEND" in flags
        place = self._place(call.opened)
        if place is None or call.opened + "/" == self._prefix or "O_DIRECTORY" in flags:
            return False
        directory, name = place
        node, is_new = directory.now.get(name), name not in directory.now
        if is_new:
            assert "O_CREAT" in flags, call
            node = File()
            self._change((directory, name, node))
        if not isinstance(node, File):
            return False
        if "O_TRUNC" in flags and node.now:
            node.act(0, None)
        return is_new or "O_TRUNC" in flags

    def _write(self, call: Call, node: File) -> None:
        data, opened = call.data(), (call.descriptor(), call.path(0))
        if call.name == "pwrite64":
            node.act(int(call.words[-1]), data)
            return
        offset = len(node.now) if self._at_end[opened] else self._offsets[opened]
        self._offsets[opened] = offset + len(data)
        node.act(offset, data)

    def _move(self, call: Call, first: int, second: int) -> bool:
        source, target = self._place(call.path(first)), self._place(call.path(second))
        if source is None or target is None:
            assert source is target is None, call
            return False
        node = source[0].now[source[1]]
        gone: list[Change] = [(*source, None)] if call.name.startswith("rename") else []
        self._change(*gone, (*target, node))
        return True

    def now(self) -> Tree:
        """Return what the calls have left, where the power stays."""
        return dict(_walk(self._root, lambda node: node.now, lambda file: bytes(file.now)))

    def draw(self, draw: random.Random) -> Tree:
        """Return what may be left when the power goes now."""
        names = {directory: dict(directory.synced) for directory in self._directories}
        kept: list[tuple[int, tuple[Change, ...]]] = []
        for directory in self._directories:
            most = len(directory.since)
            kept += directory.since[: draw.choice((0, most, draw.randint(0, most)))]
        for _, changes in sorted(kept, key=lambda one: one[0]):
            for directory, name, node in changes:
                _rename(names[directory], name, node)
        contents: dict[File, bytes] = {}

        def content(file: File) -> bytes:
            if file not in contents:
                contents[file] = file.draw(draw)
            return contents[file]

        return dict(_walk(self._root, names.__getitem__, content))


def _walk(
    directory: Directory,
    names_of: Callable[[Directory], Names],
    content_of: Callable[[File], bytes],
    prefix: str = "",
) -> Iterator[tuple[str, bytes | None]]:
    for name, node in sorted(names_of(directory).items()):
        if isinstance(node, File):
            yield prefix + name, content_of(node)
        else:
            yield prefix + name, None
            yield from _walk(node, names_of, content_of, f"{prefix}{name}/")


def tree_of(root: Path, ignored: Iterable[str]) -> Tree:
    """Return what a directory holds, without the names at its top that are ignored."""
    return {
        str(path.relative_to(root)): None if path.is_dir() else path.read_bytes()
        for path in root.rglob("*")
        if path.relative_to(root).parts[0] not in ignored
    }
