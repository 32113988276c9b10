"""What a file is, by its first bytes: a compression, a format, or nothing that can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["START_BYTES", "FileKind", "kind_of", "may_become_known"]

START_BYTES = 512
"""How many bytes say what a file is: those of the first block of a tar archive."""

_SURE_BYTES = 16
"""So many bytes are waited for where a mark alone does not say it."""

_TAR_MARK_AT = 257
_TEXT_CONTROLS = b"\t\n\f\r\x1b"
_CONTROLS = bytes(set(range(32)) - set(_TEXT_CONTROLS))
_UNPACK = "unpack it, and name the file in it, or a quoted pattern of several"


class FileKind(NamedTuple):
    """A kind of file that is not text."""

    noun: str
    """What it is called, with an article where it has one."""
    compression: str = ""
    """The suffix of the compression that it is."""
    input_format: str = ""
    """The format that reads it, from a file and not from a stream."""
    advice: str = ""
    """What to do with a file of a kind that is not read."""


def _compression(suffix: str, noun: str) -> FileKind:
    return FileKind(noun, compression=suffix)


_IMAGE = "a pattern such as '*.png', quoted, gives the function the paths of images"

_MARKS: tuple[tuple[bytes, FileKind], ...] = (
    (b"\x1f\x8b", _compression(".gz", "gzip-compressed")),
    (b"BZh", _compression(".bz2", "bzip2-compressed")),
    (b"\xfd7zXZ\x00", _compression(".xz", "xz-compressed")),
    (b"\x28\xb5\x2f\xfd", _compression(".zst", "Zstandard-compressed")),
    *(
        (bytes([0x50 + number]) + b"\x2a\x4d\x18", _compression(".zst", "Zstandard-compressed"))
        for number in range(16)  # frames to be skipped, which some programs begin with
    ),
    (b"PK\x03\x04", FileKind("a zip archive", input_format="zip")),
    (b"PK\x05\x06", FileKind("a zip archive", input_format="zip")),
    (b"PAR1", FileKind("Parquet", input_format="parquet")),
    (b"PARE", FileKind("encrypted Parquet", advice="decrypt it first")),
    (b"ARROW1", FileKind("Feather (Arrow)", advice="save it as Parquet")),
    (b"FEA1", FileKind("Feather", advice="save it as Parquet")),
    (b"\xff\xff\xff\xff", FileKind("an Arrow stream, or binary data", advice="save it as Parquet")),
    (b"ORC", FileKind("ORC", advice="save it as Parquet")),
    (b"Obj\x01", FileKind("Avro", advice="save it as Parquet or JSON Lines")),
    (b"\x89HDF\r\n\x1a\n", FileKind("HDF5", advice="save it as Parquet")),
    (b"\x93NUMPY", FileKind("a NumPy array", advice="save it as Parquet or CSV")),
    (
        b"SQLite format 3\x00",
        FileKind("an SQLite database", advice="name it as 'sqlite:///FILE?query=SELECT …'"),
    ),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        FileKind(
            "a file of Microsoft Office before 2007, such as .xls, or one with a password",
            advice="save it as .xlsx, without a password",
        ),
    ),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7-Zip archive", advice=_UNPACK)),
    (b"Rar!\x1a\x07", FileKind("a RAR archive", advice=_UNPACK)),
    (b"\x1f\x9d", FileKind("compressed by compress", advice="decompress it first")),
    (b"\x04\x22\x4d\x18", FileKind("LZ4-compressed", advice="decompress it first")),
    (b"LZIP", FileKind("lzip-compressed", advice="decompress it first")),
    (b"%PDF-", FileKind("a PDF", advice="a quoted pattern gives the function the paths of PDFs")),
    (b"\x89PNG\r\n\x1a\n", FileKind("a PNG image", advice=_IMAGE)),
    (b"\xff\xd8\xff", FileKind("a JPEG image", advice=_IMAGE)),
    (b"GIF8", FileKind("a GIF image", advice=_IMAGE)),
    (b"\x7fELF", FileKind("a program (ELF)", advice="name the data")),
)

_TAR = FileKind("a tar archive", advice=_UNPACK)

_SURE: dict[bytes, Callable[[bytes], bool]] = {
    # After the mark comes the size of blocks, and a number: that of a block, or of the end.
    b"BZh": lambda start: start[4:10] in (b"1AY&SY", b"\x17rE8P\x90"),
    b"\x1f\x8b": lambda start: start[2:3] in (b"", b"\x08"),
    b"%PDF-": lambda start: True,
    b"\xff\xff\xff\xff": lambda start: start[6:8] == b"\0\0",
}
"""What else must be true, by mark."""


def kind_of(start: bytes) -> FileKind | None:
    """Return the kind of the file that begins with `start`, `None` where that may be text.

    `START_BYTES` of it are enough. A mark of letters alone may begin a text, too: then a control
    character must follow, as it soon does in binary data.
    """
    for mark, kind in _MARKS:
        if start.startswith(mark):
            is_sure = _SURE.get(mark, _has_controls)
            return kind if is_sure(start[:START_BYTES]) else None
    if start[_TAR_MARK_AT : _TAR_MARK_AT + 5] == b"ustar":
        return _TAR
    return None


def may_become_known(start: bytes) -> bool:
    """Tell whether what a file is may only be seen in more of its bytes than `start`."""
    return any(
        mark.startswith(start)
        or (start.startswith(mark) and len(start) < _SURE_BYTES and kind_of(start) is None)
        for mark, _ in _MARKS
    )


def _has_controls(start: bytes) -> bool:
    return len(start.translate(None, _CONTROLS)) != len(start)
