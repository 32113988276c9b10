"""The encoding of a text input: as it is asked for, or as its byte order mark says.

Whatever it is, the formats get blocks of UTF-8; those of an input in UTF-8 are handed on untouched.
"""

from __future__ import annotations

import codecs
import logging
from collections.abc import Container, Iterable, Iterator
from itertools import chain

from batchmap.errors import InputError
from batchmap.sources.base import one_line

__all__ = ["BadText", "TextEncoding"]

_logger = logging.getLogger("input")

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before that of UTF-16, with which it begins
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_LONGEST_MARK = max(map(len, _MARKS))

_KEEP_BYTES = "batchmap-keep-bytes"


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    """Stand in for bytes that are no text: lone surrogates for them, one each."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(byte + 0xDC00 if byte > 0x7F else byte) for byte in bad), error.end


def _keep_units(error: UnicodeError) -> tuple[str, int]:
    """Stand in for halves of pairs, which stay what they are, and for bytes that are no unit."""
    try:
        return codecs.lookup_error("surrogatepass")(error)  # type: ignore[return-value]
    except UnicodeError:
        if not isinstance(error, UnicodeDecodeError):
            raise
        bad = error.object[error.start : error.end]
        return "".join(chr(0xDC00 + byte) for byte in bad), error.end


codecs.register_error(_KEEP_BYTES, _keep_bytes)
codecs.register_error(f"{_KEEP_BYTES}-units", _keep_units)


class TextEncoding:
    """The encoding of the input called `name`; `asked` is one that `codecs` knows, or `None`."""

    def __init__(self, name: str, asked: str | None) -> None:
        self.name = name
        self.asked = None if asked is None else _plain_name(asked)
        self.taken = self.asked
        """What it is; `None` until the first bytes have told."""
        self.is_read = False
        """Whether the first bytes have been read."""
        self.is_told = False
        """Whether a line that is no text has been warned of."""
        self.is_counted = False
        """Whether it was told how many there are."""

    @property
    def unit_bytes(self) -> int:
        """How many bytes a character of ASCII takes."""
        return {"utf-16": 2, "utf-32": 4}.get((self.taken or "")[:6], 1)

    def notices(self) -> list[str]:
        """Return what is to be told of an encoding that nobody asked for, unless it is UTF-8."""
        is_usual = self.asked is not None or self.taken in (None, "utf-8")
        return [] if is_usual else [f"encoding {self.taken}"]

    def utf8_blocks(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the bytes of an input as UTF-8, without its mark, in blocks of any size above 0.

        What is no text becomes lone surrogates in the form of `surrogatepass`, where the encoding
        is another than UTF-8. Raises `InputError` for a mark of another encoding than asked for.
        """
        start, rest = _start_of(blocks)
        mark = next((mark for mark in _MARKS if start.startswith(mark)), b"")
        encoding = self._encoding(_MARKS.get(mark))
        if encoding in ("utf-16", "utf-32"):  # without a mark; Latin letters have a NUL in front
            encoding += "-be" if start.startswith(b"\0") else "-le"
        self.taken, self.is_read = encoding, True
        start = start[len(mark) :]
        if encoding == "utf-8":
            if start:
                yield start
            yield from rest
            return
        errors = f"{_KEEP_BYTES}-units" if encoding.startswith("utf-") else _KEEP_BYTES
        decoder = codecs.getincrementaldecoder(encoding)(errors=errors)
        try:
            for block in chain([start], rest):
                if text := decoder.decode(block):
                    yield text.encode("utf-8", "surrogatepass")
            if text := decoder.decode(b"", True):
                yield text.encode("utf-8", "surrogatepass")
        except UnicodeError as error:
            raise InputError(
                f"{self.name} cannot be read as {encoding} ({one_line(error)})",
                advice="name another one with {encoding:}",
            ) from error

    def _encoding(self, marked: str | None) -> str:
        asked = self.asked
        if asked is None or marked is None:
            return asked or marked or "utf-8"
        if not marked.startswith(asked):
            raise InputError(
                f"is {asked}, and {self.name} begins with the byte order mark of {marked}",
                option="encoding",
                advice="leave it out",
            )
        return marked


def _plain_name(encoding: str) -> str:
    name = codecs.lookup(encoding).name
    return "utf-8" if name == "utf-8-sig" else name


def _start_of(blocks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, as many as tell a mark, and the blocks after them."""
    rest = iter(blocks)
    start = b""
    for block in rest:
        start += block
        if len(start) >= _LONGEST_MARK or not any(mark.startswith(start) for mark in _MARKS):
            break
    return start, rest


class BadText:
    """Decodes what is not UTF-8 in one reading of an input, and warns of it.

    The warning names the first such line; at the end, another one says how many there are.
    """

    def __init__(self, encoding: TextEncoding) -> None:
        self._encoding = encoding
        self._number = 0

    @property
    def encoding(self) -> str:
        """The name of the encoding that the input should have."""
        return (self._encoding.taken or "utf-8").upper()

    def decoded(self, raw: bytes, first_line: int, besides: Container[int] = ()) -> str:
        """Return one or more lines, of which the first has the number `first_line`, as text.

        Bytes that are no text become lone surrogates. Lines whose numbers are in `besides` are not
        warned of.
        """
        for number, line in enumerate(raw.split(b"\n"), first_line):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                if number not in besides:
                    self._warn(number, line[error.start])
        return self._as_it_is(raw)

    def close(self) -> None:
        """Say how many lines were no text, at the end of the input."""
        if self._number > 1 and not self._encoding.is_counted:
            self._encoding.is_counted = True
            _logger.warning(
                "%s: %d lines are not %s", self._encoding.name, self._number, self.encoding
            )
        self._number = 0

    def _as_it_is(self, raw: bytes) -> str:
        if self._encoding.taken != "utf-8":
            try:
                return raw.decode("utf-8", "surrogatepass")
            except UnicodeDecodeError:  # a long line that was cut off
                pass
        return raw.decode("utf-8", "surrogateescape")

    def _warn(self, number: int, byte: int) -> None:
        self._number += 1
        if self._encoding.is_told:
            return
        self._encoding.is_told = True
        what = f" (byte 0x{byte:02x})" if self._encoding.taken == "utf-8" else ""
        is_usual = self._encoding.asked is None and self._encoding.taken == "utf-8"
        _logger.warning(
            "%s line %d is not %s%s; it is kept as it is%s",
            self._encoding.name,
            number,
            self.encoding,
            what,
            "; the option encoding says what it is, such as cp1252" if is_usual else "",
        )
