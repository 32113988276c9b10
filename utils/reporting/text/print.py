"""Prints a report: plain when it is piped, styled on a terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from batchmap.command.terminal import is_plain, stderr, stdout_console, write_stdout

__all__ = ["show"]

_NOTEWORTHY = (
    r"(?m)^(- )?(Largest loss|Advice|Why|First failure|Error|Failed items|Held back by)(?=:)"
)
"""What a reader is to look at. No colour here vanishes on a dark or on a light background."""

_logger = logging.getLogger(__name__)


def show(
    report: str, *, quiet: bool = False, fault: str | None = None, warnings: Iterable[str] = ()
) -> None:
    """Print a report on stdout: plain when it is piped, headings and marks styled on a terminal.

    `warnings`, which the report does not hold, are logged, so that they go to stderr. With `quiet`
    there is only the `fault`, what went wrong, on stderr; nothing where that is `None`.
    Raises `OutputError` when stdout cannot be written, `BrokenPipeError` when its reader has left.
    """
    if quiet:
        if fault is not None:
            print(fault, file=stderr())
        return
    if is_plain():
        write_stdout(report)
    else:
        _show_styled(report)
    for warning in warnings:
        _logger.warning("%s", warning)


def _show_styled(report: str) -> None:
    from rich.text import Text

    text = Text(report)
    text.highlight_regex(r"(?m)^(?![-\s])[^\n:]+$", "bold")  # headings
    text.highlight_regex(r"\A.*\n(=+\n\n)?(?!- ).*", "bold")  # title and verdict
    text.highlight_regex(r"✓", "bold green")
    text.highlight_regex(r"✗", "bold red")
    text.highlight_regex(r"(?m)(?<=^- Speedup: ).*$", "bold")
    text.highlight_regex(_NOTEWORTHY, "bold magenta")
    stdout_console().print(text, end="", soft_wrap=True)
