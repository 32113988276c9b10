"""Standard output and error: whether they are a terminal, consoles on them, results kept apart."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from batchmap.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "is_plain",
    "stderr_console",
    "stdout_console",
    "stdout_kept_for_results",
    "write_stdout",
]

_stderr_console: Console | None = None
_is_plain: bool | None = None
"""What was found before stdout was redirected; `None` while it is not."""


def is_plain() -> bool:
    """Tell whether colour and cursor movement must not be used.

    That is when stdout or stderr is no terminal, with `NO_COLOR`, or with `TERM=dumb`.
    """
    if _is_plain is not None:
        return _is_plain
    return (
        bool(os.environ.get("NO_COLOR"))
        or os.environ.get("TERM", "dumb") in ("dumb", "unknown")
        or not (sys.stdout.isatty() and sys.stderr.isatty())
    )


@contextmanager
def stdout_kept_for_results() -> Iterator[int]:
    """Yield a descriptor of stdout for results; what else is printed meanwhile goes to stderr."""
    global _is_plain
    _is_plain = is_plain()
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield kept
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os.dup2(kept, 1)
        if sys.stdout.closed:  # by whom we cannot know; the report still needs it
            sys.stdout = open(1, "w", closefd=False, errors="replace")  # noqa: SIM115
        os.close(kept)
        _is_plain = None


def write_stdout(text: str) -> None:
    """Write `text` on stdout as it is.

    Raises `OutputError` when it cannot be written, `BrokenPipeError` when its reader has left.
    """
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("✓", "yes").replace("✗", "NO")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"stdout cannot be written ({error.strerror})") from error


def stdout_console() -> Console:
    """Return a console on stdout."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """Return the one console on stderr, which bar, warnings and logs share."""
    global _stderr_console
    if _stderr_console is None:
        _stderr_console = _console(stderr=True)
    return _stderr_console


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    plain = is_plain()
    return Console(
        stderr=stderr,
        force_terminal=not plain,
        no_color=plain,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=plain,
    )
