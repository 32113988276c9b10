"""What a row of the table of options is, and how a dataclass declares one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

__all__ = ["OptionError", "OptionRow", "Parser", "option", "rows_of"]

Parser = Callable[[Any, str], Any]
"""Takes a value as given, text or not, and what the option is called; returns the value to keep."""


class OptionError(Exception):
    """What is wrong with the value of one option, in a line that starts with the option's name.

    `of_input` tells that the option is right and the file that it names cannot be read.
    """

    def __init__(self, message: str, *, of_input: bool = False) -> None:
        super().__init__(message)
        self.of_input = of_input


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option."""

    name: str
    """Its keyword in Python, with its unit at the end: `timeout_s`, `memory_floor_bytes`."""
    default: Any
    parse: Parser | None
    """`None` for a switch, and for text that is kept as it is."""
    help: str
    """What it means, in a line."""
    group: str
    """The heading under which the help shows it."""
    metavar: str
    """What stands for its value in the help; empty for a switch."""
    commands: tuple[str, ...]
    """The subcommands that have it; empty for all whose settings declare it."""
    is_positional: bool
    """Whether the command line takes it without a flag."""
    is_rare: bool
    """Whether the help names it only, and explains it where it is asked for all options."""
    is_repeated: bool
    """Whether it may be given several times; its parser then gets a list of all values."""
    bare: str | None
    """The value that its flag alone stands for, where that may be followed by a whole number or by
    none; `None` where it always has a value."""

    @property
    def is_switch(self) -> bool:
        """Whether it takes no value."""
        return not self.metavar

    @property
    def is_negated(self) -> bool:
        """Whether the command line turns it off, since it is on by default."""
        return self.is_switch and self.default is True


def option(
    default: Any,
    parse: Parser | None = None,
    *,
    help: str,
    group: str,
    metavar: str = "",
    commands: tuple[str, ...] = (),
    is_positional: bool = False,
    is_rare: bool = False,
    is_repeated: bool = False,
    bare: str | None = None,
) -> Any:
    """Return the default of a dataclass's field that is a row of the table, as `OptionRow` says."""
    row = {
        "parse": parse,
        "help": help,
        "group": group,
        "metavar": metavar,
        "commands": commands,
        "is_positional": is_positional,
        "is_rare": is_rare,
        "is_repeated": is_repeated,
        "bare": bare,
    }
    return field(default=default, metadata={"option": row})


def rows_of(settings: type[Any], command: str = "") -> Iterator[OptionRow]:
    """Yield the rows that the dataclass `settings` declares, those that `command` has."""
    for row in _all_rows(settings):  # type: ignore[arg-type]  # classes can be hashed
        if not command or not row.commands or command in row.commands:
            yield row


@cache
def _all_rows(settings: type[Any]) -> tuple[OptionRow, ...]:
    return tuple(
        OptionRow(name=field.name, default=field.default, **field.metadata["option"])
        for field in fields(settings)
        if "option" in field.metadata
    )
