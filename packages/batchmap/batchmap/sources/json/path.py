"""Finds arrays in a JSON document by the keys above them, as it streams in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from batchmap.errors import InputError
from batchmap.sources.json.array import BrokenJsonError
from batchmap.sources.json.outline import JsonOutline
from batchmap.sources.json.strict import JSON_BLANKS
from batchmap.text import near_names

__all__ = ["array_at", "keys_of", "paths_of_arrays"]

_SHOWN = 5
_DEPTH = 3
_LOOKED_AT_CHARACTERS = 1 << 20
_MAX_KEY_CHARACTERS = 1 << 16
_NOT_BLANK = re.compile(rf"[^{JSON_BLANKS}]")
_IN_KEY = re.compile(r'\\.|"', re.DOTALL)


def keys_of(path: str) -> list[str]:
    r"""Return the keys of a path such as `a.b`; a point that is part of a key is written `\.`."""
    return [part.replace("\\.", ".") for part in re.split(r"(?<!\\)\.", path)]


def array_at(texts: Iterator[str], keys: Sequence[str], name: str, path: str) -> str:
    """Take `texts` up to the bracket that begins the array under `keys`; return what follows it.

    Where a key is there twice, the first is meant. Raises `InputError` where there is no array.
    """
    document = _Document(texts)
    try:
        for depth, key in enumerate(keys):
            above = f"under {'.'.join(keys[:depth])!r:.100}" if depth else "at the top"
            if document.peek() != "{":
                raise InputError(
                    f"{path!r:.100}: there is no object {above} in {name}", option="json_path"
                )
            seen: list[str] = []
            if not document.goes_to(key, seen):
                near = near_names(key, seen)
                shown = ", ".join(f"{one:.40}" for one in seen[:_SHOWN]) or "no keys"
                more = ", …" if len(seen) > _SHOWN else ""
                raise InputError(
                    f"{path!r:.100}: {name} has no key {key!r:.60} {above}"
                    f"{near or f'; it has {shown}{more}'}",
                    option="json_path",
                )
        if document.peek() != "[":
            raise InputError(
                f"{path!r:.100}: what lies there in {name} is no array", option="json_path"
            )
        return document.after_bracket()
    except BrokenJsonError as error:
        raise InputError(f"{name}: the JSON is broken or cut off ({error}); fix it") from error


def paths_of_arrays(texts: Iterator[str]) -> list[str]:
    """Return the paths of the first arrays in a document, as far as they are seen early in it."""
    found: list[str] = []
    document = _Document(_first_of(texts))
    with suppress(BrokenJsonError):
        document.note_arrays("", found)
    return found[:_SHOWN]


def _first_of(texts: Iterator[str]) -> Iterator[str]:
    left = _LOOKED_AT_CHARACTERS
    while left > 0 and (text := next(texts, "")):
        left -= len(text)
        yield text


class _Document:
    """A JSON text that is read from front to back, of which a piece at a time is in memory."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._text = ""
        self._at = 0

    def peek(self) -> str:
        """Return the next character that is no blank; raises `BrokenJsonError` at the end."""
        while True:
            if found := _NOT_BLANK.search(self._text, self._at):
                self._at = found.start()
                return found[0]
            self._next()

    def after_bracket(self) -> str:
        """Return what is left of the piece after the character that `peek` returned."""
        return self._text[self._at + 1 :]

    def goes_to(self, key: str, seen: list[str]) -> bool:
        """Go to the value of a key of the object that begins here; add the keys before to `seen`.

        Returns whether there is such a key.
        """
        for found in self._keys():
            if found == key:
                return True
            seen.append(found)
            self._skip()
        return False

    def note_arrays(self, above: str, found: list[str], depth: int = 1) -> None:
        """Add the paths of the arrays in the object that begins here to `found`."""
        for key in self._keys():
            path = above + key.replace(".", "\\.")
            begin = self.peek()
            if begin == "[":
                found.append(path)
            if begin == "{" and depth < _DEPTH:
                self.note_arrays(f"{path}.", found, depth + 1)
            else:
                self._skip()

    def _keys(self) -> Iterator[str]:
        """Yield the keys of the object that begins here, each when its value begins."""
        self._expect("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            yield self._key()
            if self.peek() == "}":
                self._at += 1
                return
            self._expect(",")

    def _key(self) -> str:
        self._expect('"')
        at = self._at
        while (found := _IN_KEY.search(self._text, at)) is None or found[0] != '"':
            if found is not None:
                at = found.end()
                continue
            key = self._text[self._at :]
            if len(key) > _MAX_KEY_CHARACTERS:
                raise BrokenJsonError("a key does not end")
            self._next()
            self._text, at = key + self._text, 0  # a backslash at the end belongs to what follows
        key, self._at = self._text[self._at : found.end()], found.end()
        self._expect(":")
        try:
            return str(json.loads(f'"{key}'))
        except ValueError as error:
            raise BrokenJsonError(f"a key is no text: {error}") from error

    def _skip(self) -> None:
        """Go to the end of the value that begins here."""
        outline = JsonOutline()
        while (end := outline.end_in(self._text, self._at)) is None:
            self._next()
        self._at = end

    def _expect(self, character: str) -> None:
        if (found := self.peek()) != character:
            raise BrokenJsonError(f"{character} is expected and {found!r} was found")
        self._at += 1

    def _next(self) -> None:
        try:
            self._text, self._at = next(self._texts), 0
        except StopIteration:
            raise BrokenJsonError("the input ends too early") from None
