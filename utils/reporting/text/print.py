"""Prints a report: plain when it is piped, styled on a terminal."""

from __future__ import annotations

from batchmap.command.terminal import is_plain, stdout_console, write_stdout

__all__ = ["show"]


def show(report: str) -> None:
    """Print a report on stdout: plain when it is piped, headings and marks styled on a terminal.

    Raises `OutputError` when stdout cannot be written, `BrokenPipeError` when its reader has left.
    """
    if is_plain():
        write_stdout(report)
    else:
        _show_styled(report)


def _show_styled(report: str) -> None:
    from rich.text import Text

    text = Text(report)
    text.highlight_regex(r"(?m)^(?![-\s])[^\n:]+$", "bold cyan")
    text.highlight_regex(r"✓", "bold green")
    text.highlight_regex(r"✗", "bold red")
    text.highlight_regex(r"(?m)(?<=^- Speedup: ).*$", "bold green")
    text.highlight_regex(r"[█▓▒░]+", "blue")
    text.highlight_regex(r"(?m)(?<=^- )(Largest loss|Advice|Why)(?=:)", "bold yellow")
    stdout_console().print(text, end="", soft_wrap=True)
