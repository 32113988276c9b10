"""The help texts of a program and its subcommands, made from the table of options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from batchmap.command.arguments import Program, Subcommand, flags_of
from batchmap.options import OptionRow

__all__ = ["program_help", "subcommand_help"]

WIDTH = 80

HELP_COLUMN = 26
"""Where the meaning of an option begins; longer flags have it on the next line."""

GROUPS = ("Input", "Output", "An output that is there already")
"""What is shown first; other groups follow in the order of the table."""

_GLUE = "\N{NO-BREAK SPACE}"

MAX_CHOICES_WIDTH = 14
"""Longer lists of choices stand behind an option's meaning."""


def program_help(program: Program) -> str:
    """Return what `--help` shows: the subcommands, a line each."""
    lines = [program.summary, ""]
    for one in program.subcommands:
        lines += [f"{program.call} {one.usage}", f"    {one.summary}"]
    lines += ["", f"{program.call} SUBCOMMAND --help shows the options of one.", ""]
    return "\n".join(lines)


def subcommand_help(program: Program, subcommand: Subcommand, *, in_full: bool = False) -> str:
    """Return what `SUBCOMMAND --help` shows: its options, grouped.

    Rare ones are explained `in_full` only.
    """
    lines = [f"usage: {program.call} {subcommand.usage}"]
    summary = f"{subcommand.summary.capitalize()}. {subcommand.notes}".strip()
    lines += wrap(summary, WIDTH)
    groups: dict[str, list[OptionRow]] = {}
    for row in subcommand.rows():
        groups.setdefault(row.group, []).append(row)
    for group, rows in sorted(groups.items(), key=lambda one: _rank(one[0])):
        lines.append(f"{group}:")
        rare = [] if in_full else [row for row in rows if row.is_rare]
        for row in rows:
            if row not in rare:
                lines += _option_lines(row)
        lines += _named(rare)
    if not in_full and any(row.is_rare for row in subcommand.rows()):
        lines.append(f"{program.call} {subcommand.name} --help all explains each of them.")
    return "\n".join(lines) + "\n"


def _rank(group: str) -> int:
    return GROUPS.index(group) if group in GROUPS else len(GROUPS)


def _named(rows: Sequence[OptionRow]) -> list[str]:
    """Return lines that name options and say nothing of them."""
    flags = [f"{', '.join(flags_of(row))} {_short_metavar(row)}".rstrip() for row in rows]
    text = ", ".join(flag.replace(" ", _GLUE) for flag in flags)
    lines = wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return [line.replace(_GLUE, " ") for line in lines]


def _short_metavar(row: OptionRow) -> str:
    return "NAME" if len(row.metavar) > MAX_CHOICES_WIDTH else row.metavar


def _option_lines(row: OptionRow) -> Iterator[str]:
    flags, metavar, meaning = ", ".join(flags_of(row)), _short_metavar(row), row.help
    if metavar != row.metavar:
        meaning = f"{meaning}: {row.metavar}"
    start = f"  {flags} {metavar}".rstrip()
    lines = wrap(meaning, WIDTH - HELP_COLUMN, break_on_hyphens=False)
    if len(start) + 2 > HELP_COLUMN:
        yield start
    else:
        yield start.ljust(HELP_COLUMN) + lines.pop(0)
    for line in lines:
        yield " " * HELP_COLUMN + line
