"""Count the words of a text file in any encoding, and take its SHA-256."""

import codecs
import re
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

from charset_normalizer import from_bytes

MOST_BYTES = 64 * 2**20
GUESSES = ["cp1252", "cp1251", "koi8_r", "cp1253", "cp932"]
"""What a file may be in that is not Unicode; the fewer, the better the guess."""

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before that of UTF-16, which is its beginning
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
WORD = re.compile(r"\w+")


def count_words(path: str) -> dict[str, Any]:
    """Return encoding, counts, commonest words and checksum of the text file at `path`."""
    size = Path(path).stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"too large: {size:,} bytes, the limit is {MOST_BYTES:,}")
    data = Path(path).read_bytes()
    encoding, text = decoded(data)
    words = Counter(word.lower() for word in WORD.findall(text))
    return {
        "encoding": encoding,
        "bytes": len(data),
        "lines": len(text.splitlines()),
        "words": words.total(),
        "unique_words": len(words),
        "commonest": sorted(words, key=lambda word: (-words[word], word))[:5],
        "sha256": sha256(data).hexdigest(),
    }


def decoded(data: bytes) -> tuple[str, str]:
    """Return the encoding of `data`, and the text; raise `ValueError` for what is no text."""
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return encoding, data.decode(encoding)
    if b"\0" in data:
        raise ValueError("binary: it holds a zero byte")
    try:
        return "utf-8", data.decode()
    except UnicodeDecodeError:
        best = from_bytes(data, cp_isolation=GUESSES).best()
    if best is None:
        raise ValueError("binary, or in none of the encodings " + ", ".join(GUESSES))
    return best.encoding, str(best)
