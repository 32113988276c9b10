"""Patterns of file names: what makes one, alternatives in braces, and the home directory."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["alternatives", "is_pattern", "with_home"]

_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")


def is_pattern(spec: str) -> bool:
    """Tell whether `spec` may stand for several files."""
    return re.search(r"[*?\[]", spec) is not None or _BRACES.search(spec) is not None


def alternatives(pattern: str) -> list[str]:
    """Return the patterns without braces that `pattern` stands for: `a.{b,c}` for `a.b` and `a.c`.

    Braces may be nested. As in a shell, those without a comma are part of a name.
    """
    found = [pattern]
    for one in found:  # which grows by what the innermost braces of each stand for
        if braces := _BRACES.search(one):
            before, after = one[: braces.start()], one[braces.end() :]
            found += [f"{before}{word}{after}" for word in braces[1].split(",")]
    return [one for one in dict.fromkeys(found) if not _BRACES.search(one)]


def with_home(spec: str) -> str:
    """Return `spec` with the home directory in place of a `~` that no shell has replaced."""
    if not spec.startswith("~"):
        return spec
    try:
        return str(Path(spec).expanduser())
    except RuntimeError:  # there is no such user, or no home
        return spec
