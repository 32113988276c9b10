"""The command line that this process was started with, as it is or with other options."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from itertools import pairwise

from batchmap.storage.secrets import variables_instead, without_secret_argument, without_secrets

__all__ = ["command_given", "command_with"]


def command_given() -> str:
    """Return this command as a shell takes it, without secrets."""
    return " ".join(map(_quoted, _without_secrets(sys.orig_argv)))


def command_with(*more: str) -> tuple[str, str | None]:
    """Return this command with options in place of those that it had for an output that is there.

    And the variables to set for the secrets that it lacks, `None` where it lacks none.
    """
    dropped = {"--overwrite", "--resume", "--retry-failed"} - set(more)
    words = [word for word in sys.orig_argv if word not in dropped]
    end = words.index("--") if "--" in words else len(words)
    given = words[:end]
    going_on = [
        word for word in more if word not in given and (word != "--resume" or "--sync" not in given)
    ]
    words = [*given, *going_on, *words[end:]]
    shown = _without_secrets(words)
    hidden = [word for word, text in zip(words, shown, strict=True) if word != text]
    names = sorted({variables_instead(word) for word in hidden} - {""})
    return " ".join(map(_quoted, shown)), " and ".join(names) if hidden else None


def _without_secrets(words: Sequence[str]) -> list[str]:
    return [_shown(*pair) for pair in pairwise(["", *words])]


def _shown(before: str, word: str) -> str:
    """Return a word of the command line without secrets; `before` is the word before it."""
    shown = without_secrets(word)
    if word.startswith("--arg="):
        return "--arg=" + without_secret_argument(shown.removeprefix("--arg="))
    return without_secret_argument(shown) if before == "--arg" else shown


def _quoted(word: str) -> str:
    """Return a word as a shell takes it, its control characters escaped."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = (
        f"\\{character}"
        if character in "\\'"
        else character
        if character.isprintable()
        else "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
        for character in word
    )
    return f"$'{''.join(escaped)}'"
