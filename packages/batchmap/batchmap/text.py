"""Text that people read: escaping what comes from data, and guessing what was meant."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["near_names", "printable"]


def near_names(name: str, allowed: Sequence[str]) -> str:
    """Return `; did you mean …?` when `name` is close to one of `allowed`, else an empty string."""
    import difflib  # as a name is wrong only now and then

    near = difflib.get_close_matches(name, allowed, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def printable(text: str) -> str:
    """Return `text` in one line, control characters escaped: none of it controls the terminal."""
    if text.isprintable():
        return text
    import unicodedata

    return "".join(
        character
        if character.isprintable()
        else " "
        if character in "\t\r\n" or unicodedata.category(character) == "Zs"
        else f"\\x{ord(character):02x}"
        for character in text
    )
