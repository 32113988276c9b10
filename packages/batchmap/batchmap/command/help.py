"""The help texts of a program and its subcommands, made from the table of options."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from batchmap.command.arguments import Program, Subcommand, flags_of
from batchmap.options import OptionRow

__all__ = ["program_help", "subcommand_help"]

WIDTH = 80

HELP_COLUMN = 26
"""Where the meaning of an option begins; longer flags have it on the next line."""

GROUPS = ("Input", "Output", "An output that is there already")
"""What is shown first; other groups follow in the order of the table."""

MAX_CHOICES_WIDTH = 14
"""Longer lists of choices stand behind an option's meaning."""


def program_help(program: Program) -> str:
    """Return what `--help` shows: the subcommands, a line each."""
    lines = [program.summary, ""]
    for one in program.subcommands:
        lines += [f"{program.call} {one.usage}", f"    {one.summary}"]
    lines += ["", f"{program.call} SUBCOMMAND --help shows the options of one.", ""]
    return "\n".join(lines)


def subcommand_help(program: Program, subcommand: Subcommand) -> str:
    """Return what `SUBCOMMAND --help` shows: its options, grouped."""
    lines = [f"usage: {program.call} {subcommand.usage}"]
    summary = f"{subcommand.summary.capitalize()}. {subcommand.notes}".strip()
    lines += wrap(summary, WIDTH)
    groups: dict[str, list[OptionRow]] = {}
    for row in subcommand.rows():
        groups.setdefault(row.group, []).append(row)
    for group, rows in sorted(groups.items(), key=lambda one: _rank(one[0])):
        lines.append(f"{group}:")
        for row in rows:
            lines += _option_lines(row)
    return "\n".join(lines) + "\n"


def _rank(group: str) -> int:
    return GROUPS.index(group) if group in GROUPS else len(GROUPS)


def _option_lines(row: OptionRow) -> Iterator[str]:
    flags, metavar, meaning = ", ".join(flags_of(row)), row.metavar, row.help
    if len(metavar) > MAX_CHOICES_WIDTH:
        meaning, metavar = f"{meaning}: {metavar}", "NAME"
    start = f"  {flags} {metavar}".rstrip()
    lines = wrap(meaning, WIDTH - HELP_COLUMN, break_on_hyphens=False)
    if len(start) + 2 > HELP_COLUMN:
        yield start
    else:
        yield start.ljust(HELP_COLUMN) + lines.pop(0)
    for line in lines:
        yield " " * HELP_COLUMN + line
