"""What a file is, by its first bytes: a compression, a format, or nothing that can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["NOT_TEXT", "START_BYTES", "FileKind", "is_cut_off", "kind_of", "may_become_known"]

START_BYTES = 512
"""How many bytes say what a file is: those of the first block of a tar archive."""

_SURE_BYTES = 16
"""So many bytes are waited for where a mark alone does not say it."""

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
_MEDIA = "a quoted pattern such as '*.mp4' gives the function the paths of such files"
_AS_PARQUET = "save it as Parquet"

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
    (b"ARROW1", FileKind("Feather (Arrow)", advice=_AS_PARQUET)),
    (b"FEA1", FileKind("Feather", advice=_AS_PARQUET)),
    (b"\xff\xff\xff\xff", FileKind("an Arrow stream, or binary data", advice=_AS_PARQUET)),
    (b"ORC", FileKind("ORC", advice=_AS_PARQUET)),
    (b"Obj\x01", FileKind("Avro", advice="save it as Parquet or JSON Lines")),
    (b"\x89HDF\r\n\x1a\n", FileKind("HDF5", advice=_AS_PARQUET)),
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
    (b"II*\x00", FileKind("a TIFF image", advice=_IMAGE)),
    (b"MM\x00*", FileKind("a TIFF image", advice=_IMAGE)),
    (b"BM", FileKind("a BMP image", advice=_IMAGE)),
    (b"RIFF", FileKind("a WebP image, or a WAV or AVI file", advice=_MEDIA)),
    (b"OggS", FileKind("an Ogg file", advice=_MEDIA)),
    (b"fLaC", FileKind("a FLAC file", advice=_MEDIA)),
    (b"ID3", FileKind("an MP3 file", advice=_MEDIA)),
    (b"\x1aE\xdf\xa3", FileKind("a Matroska or WebM film", advice=_MEDIA)),
    (b"\x7fELF", FileKind("a program (ELF)", advice="name the data")),
    (b"MZ", FileKind("a program of Windows", advice="name the data")),
    (b"\xca\xfe\xba\xbe", FileKind("a class of Java, or a program", advice="name the data")),
    (b"\x00asm", FileKind("WebAssembly", advice="name the data")),
    (b"\x5d\x00\x00", FileKind("LZMA-compressed", advice="decompress it first")),
    (b"\xff\x06\x00\x00sNaPpY", FileKind("Snappy-compressed", advice="decompress it first")),
    (b"x\x01", FileKind("zlib-compressed", advice="decompress it first")),
    (b"x^", FileKind("zlib-compressed", advice="decompress it first")),
    (b"x\x9c", FileKind("zlib-compressed", advice="decompress it first")),
    (b"x\xda", FileKind("zlib-compressed", advice="decompress it first")),
    (b"Salted__", FileKind("encrypted by OpenSSL", advice="decrypt it first")),
    (b"$FL2", FileKind("a file of SPSS", advice=_AS_PARQUET)),
    (b"$FL3", FileKind("a file of SPSS", advice=_AS_PARQUET)),
    (b"<stata_dta>", FileKind("a file of Stata", advice=_AS_PARQUET)),
    (b"RDX", FileKind("a file of R", advice=_AS_PARQUET)),
    (b"MATLAB 5.0 MAT-file", FileKind("a file of MATLAB", advice=_AS_PARQUET)),
    (b"CDF\x01", FileKind("NetCDF", advice=_AS_PARQUET)),
    (b"CDF\x02", FileKind("NetCDF", advice=_AS_PARQUET)),
    *(
        (bytes([0x80, number]), FileKind("a pickle of Python", advice="save it as JSON Lines"))
        for number in range(2, 6)
    ),
    (b"PGDMP", FileKind("a dump of PostgreSQL", advice="restore it, and name a query")),
    (b"{\\rtf", FileKind("a text of a word processor (RTF)", advice="save it as plain text")),
    (
        b"version https://git-lfs.github.com/spec/",
        FileKind("a pointer of Git LFS, and not the file", advice="git lfs pull fetches that"),
    ),
)

_LATER_MARKS: tuple[tuple[int, bytes, FileKind], ...] = (
    (257, b"ustar", FileKind("a tar archive", advice=_UNPACK)),
    (4, b"ftyp", FileKind("a film (MP4), or an image (HEIC, AVIF)", advice=_MEDIA)),
    (8, b"DUCK", FileKind("a DuckDB database", advice=_AS_PARQUET)),
)
"""Marks that do not stand at the beginning, and where they do."""

NOT_TEXT: dict[str, str] = {
    **dict.fromkeys((".xls", ".xlsb", ".ods"), "a spreadsheet"),
    **dict.fromkeys((".feather", ".arrow", ".orc", ".avro"), "a table"),
    **dict.fromkeys((".h5", ".hdf5", ".npy", ".npz", ".pkl", ".pickle"), "arrays or objects"),
    **dict.fromkeys((".tar", ".tgz", ".7z", ".rar", ".zip"), "an archive"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp", ".tif", ".tiff"), "an image"),
    **dict.fromkeys((".pdf", ".doc", ".docx"), "a document"),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3", ".duckdb"), "a database"),
}
"""What a file should be whose name ends so, and is no text."""

_SURE: dict[bytes, Callable[[bytes], bool]] = {
    # After the mark comes the size of blocks, and a number: that of a block, or of the end.
    b"BZh": lambda start: start[4:10] in (b"1AY&SY", b"\x17rE8P\x90"),
    b"\x1f\x8b": lambda start: start[2:3] in (b"", b"\x08"),
    b"%PDF-": lambda start: True,
    b"{\\rtf": lambda start: True,
    b"MATLAB 5.0 MAT-file": lambda start: True,
    b"version https://git-lfs.github.com/spec/": lambda start: True,
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
    for at, mark, kind in _LATER_MARKS:
        if start[at : at + len(mark)] == mark and _has_controls(start[:START_BYTES]):
            return kind
    return None


def may_become_known(start: bytes) -> bool:
    """Tell whether what a file is may only be seen in more of its bytes than `start`."""
    return any(
        mark.startswith(start)
        or (start.startswith(mark) and len(start) < _SURE_BYTES and kind_of(start) is None)
        for mark, _ in _MARKS
    )


def is_cut_off(start: bytes, suffix: str) -> bool:
    """Tell whether a whole file is but the beginning of the mark of a compression."""
    return any(kind.compression == suffix and mark.startswith(start) for mark, kind in _MARKS)


def _has_controls(start: bytes) -> bool:
    return len(start.translate(None, _CONTROLS)) != len(start)
