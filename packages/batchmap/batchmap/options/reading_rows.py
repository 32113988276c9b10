"""The options that say how the text and the rows of an input are read."""

from __future__ import annotations

from dataclasses import dataclass, fields

from batchmap.options import table_values, values
from batchmap.options.option_row import option

__all__ = ["INPUT", "READING_NAMES", "ReadingRows"]

INPUT = "Input"
"""The heading of options that say what is read."""

_WITH_A_TASK = ("run", "compare", "benchmark")
"""The subcommands that read an input for a function of the user's."""


@dataclass(frozen=True, kw_only=True)
class ReadingRows:
    """Their values have the names that `batchmap.sources.ReadingOptions` has."""

    delimiter: str | None = option(
        None, table_values.delimiter, group=INPUT, metavar="C|auto",
        commands=_WITH_A_TASK, help="between cells of CSV (default: as the input looks)",
    )  # fmt: skip
    encoding: str | None = option(
        None, table_values.encoding, group=INPUT, metavar="E|auto",
        commands=_WITH_A_TASK, is_rare=True, help="of text (default: UTF-8, or what its mark says)",
    )  # fmt: skip
    no_header: bool = option(
        False, group=INPUT, commands=_WITH_A_TASK, is_rare=True,
        help="take the first line of CSV as a row: column_1, …",
    )  # fmt: skip
    columns: tuple[str, ...] | None = option(
        None, table_values.column_names, group=INPUT, metavar="a,b,c",
        commands=_WITH_A_TASK, is_rare=True, help="the columns of CSV without a header",
    )  # fmt: skip
    quote: str | None = option(
        None, table_values.quote, group=INPUT, metavar="C|none",
        commands=_WITH_A_TASK, is_rare=True, help="around cells of CSV; none: quotes are text",
    )  # fmt: skip
    skip_lines: int = option(
        0, values.whole(0, values.LARGEST_COUNT, "for example 3"), group=INPUT, metavar="N",
        commands=_WITH_A_TASK, is_rare=True, help="lines before the header of CSV (default: 0)",
    )  # fmt: skip
    select: tuple[str, ...] | None = option(
        None, table_values.column_names, group=INPUT, metavar="a,b",
        commands=_WITH_A_TASK, is_rare=True, help="only these columns of a row reach the function",
    )  # fmt: skip


READING_NAMES = tuple(field.name for field in fields(ReadingRows))
