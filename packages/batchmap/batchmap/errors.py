"""The errors that the caller can remedy: what is wrong, and which options help.

An error knows nothing of command lines and exit codes. Its advice names options by their Python
keyword, in braces; what shows the error decides how an option is spelled:

    OutputError("out.jsonl has no journal", advice="{overwrite} begins again")

reads `… ; overwrite=True begins again` in Python, and `… ; --overwrite begins again` where the
command line shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Self

__all__ = [
    "BatchmapError",
    "InputError",
    "OutputError",
    "OutputHeldError",
    "TaskUnusableError",
    "UsageError",
    "WorkersLostError",
    "python_spelling",
]

_OPTION = re.compile(r"\{(\w+)(?::([^{}]*))?\}")


def python_spelling(keyword: str, value: str | None) -> str:
    """Return how an option is written in a call, as a switch where `value` is `None`.

    An empty value stands for the option as such: its name alone.
    """
    if value == "":
        return keyword
    return f"{keyword}=True" if value is None else f"{keyword}={value!r}"


class BatchmapError(Exception):
    """One or more things that the caller can remedy, a line each.

    `option` is the keyword of the option at fault, which then comes first. `advice` says what
    helps; in it, `{keyword}` stands for a switch, `{keyword:value}` for an option with its value,
    and `{keyword:}` for an option as such.
    """

    def __init__(
        self, messages: str | Sequence[str], *, option: str | None = None, advice: str = ""
    ) -> None:
        self._messages = (messages,) if isinstance(messages, str) else tuple(messages)
        self.option = option
        self.advice = advice
        self._joined: tuple[BatchmapError, ...] = ()
        self._spell: Callable[[str, str | None], str] = python_spelling
        super().__init__("\n".join(self.lines(python_spelling)))

    @property
    def messages(self) -> tuple[str, ...]:
        """The lines of the error, options spelled as in Python."""
        return self.lines(self._spell)

    def spell_as(self, spell: Callable[[str, str | None], str]) -> None:
        """Have its text spell options as `spell` does, for a call that has them otherwise."""
        self._spell = spell
        self.args = ("\n".join(self.lines(spell)),)

    @classmethod
    def joined(cls, errors: Sequence[BatchmapError]) -> Self:
        """Return one error that says what all of `errors` say, in their order."""
        one = cls([message for error in errors for message in error.messages])
        one._joined = tuple(errors)
        return one

    def lines(self, spell: Callable[[str, str | None], str]) -> tuple[str, ...]:
        """Return the lines of the error; `spell` is given an option's keyword and its value."""
        if self._joined:
            return tuple(line for error in self._joined for line in error.lines(spell))
        advice = _OPTION.sub(lambda match: spell(match[1], match[2]), self.advice)
        end = f"; {advice}" if advice else ""
        start = "" if self.option is None else f"{spell(self.option, '')} "
        return tuple(f"{start}{message}{end}" for message in self._messages)


class UsageError(BatchmapError):
    """The call, its options or its function are wrong; nothing was read or written."""


class InputError(BatchmapError):
    """The input cannot be read, or is not what it was when the run began."""


class OutputError(BatchmapError):
    """An output cannot be written."""


class OutputHeldError(BatchmapError):
    """Another run holds the output."""


class WorkersLostError(BatchmapError):
    """The workers are gone and cannot be replaced."""


class TaskUnusableError(WorkersLostError):
    """The function cannot be made ready in a worker, and no item is to blame for it."""
