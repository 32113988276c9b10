"""How many items of the same key may run at once, as it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchmap.options.option_row import OptionError
from batchmap.options.reader import OptionReader
from batchmap.options.retrying import problem_of_function
from batchmap.options.values import LARGEST_COUNT, whole

__all__ = ["check_limit_per", "limits_per"]


def limits_per(raw: Any, label: str) -> dict[Any, int]:
    """Return how many of a key may run at once: by functions, or by names in words `NAME=N`."""
    if isinstance(raw, list) and raw and all(isinstance(one, str) for one in raw):
        pairs = [_pair(word, label) for word in raw]
    elif isinstance(raw, Mapping) and raw:
        pairs = [(key_of, _number(number, label)) for key_of, number in raw.items()]
    else:
        raise OptionError(
            f"{label} must map functions of an item to how many may run at once, got {raw!r:.60}; "
            "for example {host: 2}"
        )
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise OptionError(f"{label} {twice}: is given twice; give one number")
    return found


def _pair(word: str, label: str) -> tuple[str, int]:
    name, equals, number = word.partition("=")
    if not (name and equals):
        raise OptionError(f"{label} must be NAME=N, got {word!r:.60}; for example host=2")
    example = f"for example {name}=2"
    return name, whole(1, LARGEST_COUNT, example)(number, f"{label} {name}")


def _number(raw: Any, label: str) -> int:
    example = "for example {host: 2}"
    if isinstance(raw, str):
        raise OptionError(f"{label} must be a whole number, got {raw!r:.60}; {example}")
    return int(whole(1, LARGEST_COUNT, example)(raw, label))


def check_limit_per(
    reader: OptionReader,
    limit_per: Mapping[Any, int] | None,
    *,
    batched: int | str | None,
    are_names: bool = False,
) -> None:
    """Report functions that cannot be asked for a key, and items that share a call.

    With `are_names`, functions are named, and looked at once they are loaded.
    """
    label = reader.label("limit_per")
    for key_of in () if are_names else limit_per or ():
        if problem := problem_of_function(key_of):
            reader.error(f"{label} must have functions that take the item, {problem}")
    if limit_per and batched is not None:
        reader.error(
            f"{label} counts items one by one, and {reader.label('batched')} has many share a "
            "call; leave one of them out"
        )
