"""Reads a command line by the table of options: words to values, which the settings check."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from batchmap.command.errors import flag_of
from batchmap.errors import UsageError
from batchmap.options import OptionRow, rows_of
from batchmap.text import near_names

__all__ = ["Program", "Subcommand", "flags_of"]

_NUMBER = re.compile(r"[-+]?\d+")

_SHORT_FLAGS = {"workers": "-j", "output": "-o", "keep_order": "-k", "quiet": "-q"}


@dataclass(frozen=True, slots=True)
class Subcommand:
    """A subcommand: its settings say which options it has."""

    name: str
    summary: str
    settings: type[Any]
    """A dataclass of options with `of`, as `CommandSettings`."""
    positionals: Mapping[str, str] = field(default_factory=dict)
    """How the usage shows what it takes without a flag, by the name of the option."""
    notes: str = ""
    """A sentence or two about the positionals, for the help."""
    task_positionals: tuple[str, ...] = ()
    """What it takes without a flag, by the names of options, where the first word names a task;
    further words are taken then only."""
    repeated: str = ""
    """The option that takes all further words, as a list; empty where there may be none."""

    @property
    def usage(self) -> str:
        """The words of a call, without the program's."""
        return " ".join([self.name, *self.positionals.values(), "[OPTION ...]"])

    def rows(self) -> list[OptionRow]:
        """Return the options that have a flag, in the order of the table."""
        return [row for row in rows_of(self.settings, self.name) if not row.is_positional]

    def flags(self) -> list[str]:
        """Return every flag, long and short."""
        return [flag for row in self.rows() for flag in flags_of(row)]


def flags_of(row: OptionRow) -> list[str]:
    """Return the flags of an option, the short one first."""
    long = flag_of(f"no_{row.name}" if row.is_negated else row.name)
    return [_SHORT_FLAGS[row.name], long] if row.name in _SHORT_FLAGS else [long]


@dataclass(frozen=True, slots=True)
class Program:
    """A program with subcommands."""

    call: str
    """How it is called: `python main.py`."""
    summary: str
    subcommands: tuple[Subcommand, ...]
    version: str

    @property
    def name(self) -> str:
        """The last word of its call, which errors begin their hints with."""
        return self.call.rpartition(" ")[2]

    def subcommand(self, name: str) -> Subcommand:
        """Return the subcommand called `name`; raises `UsageError` when there is none."""
        names = [one.name for one in self.subcommands]
        if name not in names:
            kind = "option" if name.startswith("-") else "subcommand"
            hint = near_names(name, names) or "; --help shows how to use them"
            raise UsageError(f"no {kind} {name!r}; subcommands are {', '.join(names)}{hint}")
        return self.subcommands[names.index(name)]

    def read(self, words: Sequence[str]) -> tuple[Subcommand, dict[str, Any]]:
        """Return the subcommand that `words` name, and its options as they were given.

        What is wrong but leaves the rest readable is handed on under `errors_before`, to be
        reported with what is wrong with the values. Raises `UsageError` where nothing can be made
        of the words.
        """
        subcommand = self.subcommand(words[0])
        hint = f"{self.name} {subcommand.name} --help shows"
        parser = _parser(subcommand, hint)
        words, plain = _split_at_dashes(words[1:])
        words = _with_bare_values(words, subcommand)
        words, errors = _without_missing_values(words, subcommand, hint)
        words, mistaken = _without_files(words)
        errors += mistaken
        parsed, rest = parser.parse_known_args(words)
        options = vars(parsed)
        with_value = _flags_with_value(subcommand)
        names = list(subcommand.positionals)
        repeated = "" if subcommand.task_positionals else subcommand.repeated
        is_first = True
        is_value = False  # of an option just before that is misspelled
        extra: list[str] = []
        extra_from = 0
        for place, word in enumerate([*rest, *plain]):
            if place < len(rest) and _looks_like_option(word):
                name, equals, _ = word.partition("=")
                near = near_names(name, [*subcommand.flags(), "--help"])
                errors.append(f"no option {name!r}{near or f'; {hint} all'}")
                is_value = not equals and near.rpartition(" ")[2].removesuffix("?") in with_value
                continue
            if is_value and place < len(rest):
                is_value = False
                continue
            if is_first and subcommand.task_positionals and _names_task(word):
                names, repeated = list(subcommand.task_positionals), subcommand.repeated
            is_first = False
            if names:
                name = names.pop(0)
                if name in options:
                    errors.append(
                        f"{name.upper()} is {word} and {flag_of(name)} is {options[name]}; give "
                        "one of them"
                    )
                options[name] = word
            elif repeated:
                options.setdefault(repeated, []).append(word)
            else:
                extra_from = extra_from if extra else len(errors)
                extra.append(word)
        if extra:
            errors.insert(extra_from, _too_many(extra, subcommand, hint))
        return subcommand, {**options, "errors_before": errors}


def _names_task(word: str) -> bool:
    return ":" in word or word.endswith(".py")


class _Parser(argparse.ArgumentParser):
    hint = ""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; {self.hint} the usage")


def _parser(subcommand: Subcommand, hint: str) -> _Parser:
    parser = _Parser(
        add_help=False,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
        # It asks for a form of help at each argument: without the width of a terminal.
        formatter_class=partial(argparse.HelpFormatter, width=80),
    )
    parser.hint = hint
    for row in subcommand.rows():
        flags = flags_of(row)
        if row.is_switch:
            action = "store_false" if row.is_negated else "store_true"
            parser.add_argument(*flags, dest=row.name, action=action)
        elif row.is_repeated:
            parser.add_argument(*flags, dest=row.name, action="append")
        else:
            parser.add_argument(*flags, dest=row.name)
    return parser


def _too_many(extra: Sequence[str], subcommand: Subcommand, hint: str) -> str:
    if len(extra) == 1:
        message = f"one argument too many: {extra[0]!r}"
    else:
        message = f"{len(extra)} arguments too many, from {extra[0]!r} on"
    return f"{message}; {hint} the usage"


def _split_at_dashes(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the words before `--` and those after it, which are no options."""
    if "--" not in words:
        return words, ()
    at = list(words).index("--")
    return words[:at], words[at + 1 :]


def _with_bare_values(words: Sequence[str], subcommand: Subcommand) -> Sequence[str]:
    """Add the value to each flag that may stand alone, where no number follows it."""
    bare = {flag: row.bare for row in subcommand.rows() for flag in flags_of(row) if row.bare}
    return [
        f"{word}={bare[word]}" if word in bare and not _NUMBER.fullmatch(following) else word
        for word, following in zip(words, [*words[1:], ""], strict=False)
    ]


def _flags_with_value(subcommand: Subcommand) -> list[str]:
    return [flag for row in subcommand.rows() if not row.is_switch for flag in flags_of(row)]


def _without_missing_values(
    words: Sequence[str], subcommand: Subcommand, hint: str
) -> tuple[Sequence[str], list[str]]:
    """Take out the options that lack their value, so that what else is wrong is found, too."""
    with_value = _flags_with_value(subcommand)
    kept: list[str] = []
    errors: list[str] = []
    for word, following in zip(words, [*words[1:], "--"], strict=False):
        if word in with_value and _looks_like_option(following):
            errors.append(f"{word} needs a value; {hint} which")
        else:
            kept.append(word)
    return kept, errors


def _without_files(words: Sequence[str]) -> tuple[Sequence[str], list[str]]:
    """Take out the names of files that would be read as options, for their dash."""
    files = [
        word for word in words if _looks_like_option(word) and Path(word).suffix and _is_file(word)
    ]
    errors = [f"{word} begins as an option does; for the file, write ./{word}" for word in files]
    return [word for word in words if word not in files], errors


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _looks_like_option(word: str) -> bool:
    return word.startswith("-") and word != "-" and not word[1:2].isdigit()
