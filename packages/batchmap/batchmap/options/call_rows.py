"""The options that say what a function of the user's gets beside, or instead of, the item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from batchmap.options import values as parsers
from batchmap.options.option_row import OptionError, option
from batchmap.options.reader import OptionReader
from batchmap.storage.secrets import hidden_secret, secret_of

if TYPE_CHECKING:
    from batchmap.worker.call_shape import CallShape

__all__ = ["CALLS", "CALL_NAMES", "CallRows", "check_call"]

CALLS = "What the function gets"

_WITH_A_TASK = ("run", "compare", "benchmark")
"""The subcommands that call a function of the user's."""


def arguments(raw: Any, label: str) -> dict[str, Any]:
    """Return values by the names of keywords: of a mapping, or of words `NAME=VALUE`.

    A value in words is read as JSON, or is text where it is none. Text that is a secret, by its
    name or as part of a URL, shows itself without.
    """
    if isinstance(raw, Mapping):
        pairs: Iterable[tuple[Any, Any]] = raw.items()
    else:
        words = [raw] if isinstance(raw, str) else raw
        if not isinstance(words, list | tuple) or not all(isinstance(one, str) for one in words):
            raise OptionError(f"{label} must be a mapping of keywords to values, got {raw!r:.60}")
        pairs = [_pair(word, label) for word in words]
    found: dict[str, Any] = {}
    for name, value in pairs:
        if not isinstance(name, str) or not name.isidentifier():
            raise OptionError(f"{label} {name!s:.60}: is no name of an argument; write NAME=VALUE")
        if name in found:
            raise OptionError(f"{label} {name}: is given twice; give one value")
        found[name] = hidden_secret(name, value) if isinstance(value, str) else value
    return found


def _pair(word: str, label: str) -> tuple[str, Any]:
    name, equals, text = word.partition("=")
    if not equals:
        raise OptionError(f"{label} must be NAME=VALUE, got {word!r:.60}; for example size=10")
    import json  # which the help does not need

    try:
        return name, json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return name, text


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


@dataclass(frozen=True, kw_only=True)
class CallRows:
    """How a function of the user's is called."""

    star: bool = option(
        False, group=CALLS, commands=_WITH_A_TASK,
        help="spread a list over arguments, a row over keywords",
    )  # fmt: skip
    arg: Mapping[str, Any] | None = option(
        None, arguments, group=CALLS, metavar="NAME=VALUE", commands=_WITH_A_TASK,
        is_repeated=True, help="a keyword, JSON or text; may be given several times",
    )  # fmt: skip

    expand: bool = option(
        False, group=CALLS, commands=_WITH_A_TASK, is_rare=True,
        help="any number of results an item: a list or a generator, a row each",
    )  # fmt: skip
    skip_none: bool = option(
        False, group=CALLS, commands=_WITH_A_TASK, is_rare=True,
        help="a result of None writes nothing",
    )  # fmt: skip
    index: bool = option(
        False, group=CALLS, commands=_WITH_A_TASK, is_rare=True,
        help="give the item's index in the input as the keyword index",
    )  # fmt: skip
    batched: int | Literal["auto"] | None = option(
        None, parsers.list_size, group=CALLS, metavar="N|auto", commands=_WITH_A_TASK,
        is_rare=True,
        help="the function takes a list of N items and returns one of as many results",
    )  # fmt: skip

    @property
    def call_shape(self) -> CallShape:
        """How the function is called."""
        from batchmap.worker.call_shape import CallShape  # which only calls need

        given = {name: secret_of(value) for name, value in (self.arg or {}).items()}
        return CallShape(
            star=self.star,
            index=self.index,
            arguments=given,
            expand=self.expand,
            skip_none=self.skip_none,
            batched=self.batched,
        )


CALL_NAMES = ("star", "arg", "expand", "skip_none", "index", "batched")


def check_call(reader: OptionReader, values: Mapping[str, Any]) -> None:
    """Report calls that cannot be made as the options ask."""
    label = reader.label
    if values["star"] and values["batched"] is not None:
        reader.error(
            f"{label('batched')} gives the function a list, and {label('star')} spreads one item; "
            "leave one of them out"
        )
    if not values["index"]:
        return
    if "index" in (values["arg"] or {}):
        reader.error(
            f"{label('arg')} index: is what {label('index')} gives, too; leave one of them out"
        )
    if values.get("sync"):  # which `run` alone has
        reader.error(
            f"{label('index')}: an item that moves would have to be done again, which "
            f"{label('sync')} does not do; leave one of them out"
        )
