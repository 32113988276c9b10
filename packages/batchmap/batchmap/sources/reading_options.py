"""How the text and the rows of an input are read, as the options of a run say."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from batchmap.errors import UsageError
from batchmap.sources.csv.dialect import CsvSettings

__all__ = ["AS_USUAL", "ReadingOptions"]

_OF_CSV = ("delimiter", "quote", "no_header", "columns", "skip_lines")

_WITH_TEXT = ("text", "jsonl", "json", "csv", "errors")
"""Those that have an encoding."""

_OF_TEXT = (*_WITH_TEXT, "nul")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """What is `None` is as the input tells, or as usual; the names are those of the options."""

    delimiter: str | None = None
    encoding: str | None = None
    quote: str | None = None
    """Empty where quotes are text."""
    no_header: bool = False
    columns: tuple[str, ...] | None = None
    skip_lines: int = 0
    select: tuple[str, ...] | None = None

    @classmethod
    def of(cls, options: Any) -> Self:
        """Return those of an object that has them all as attributes of these names."""
        return cls(**{name: getattr(options, name) for name in cls.names()})

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of the options."""
        return [field.name for field in fields(cls)]

    def given(self) -> list[str]:
        """Return the names of the options that say something."""
        return [name for name in self.names() if getattr(self, name) not in (None, False, 0)]

    def csv_settings(self, usual_delimiter: str) -> CsvSettings:
        """Return those that say how CSV is read; raises `UsageError` where two of them clash."""
        delimiter = self.delimiter or usual_delimiter
        if self.quote == delimiter:
            raise UsageError(f"delimiter and quote are both {delimiter!r}; change one of them")
        return CsvSettings(usual_delimiter, **{name: getattr(self, name) for name in _OF_CSV})

    def check_format(self, input_format: str, name: str) -> None:
        """Raise `UsageError` for an option that a format has no use for."""
        advice = "leave it out"
        if input_format in _OF_TEXT:  # another file is no CSV, whatever it is called
            advice += ", or give {input_format:csv}"
        errors = []
        if input_format != "csv":
            errors += [
                UsageError(
                    f"is for CSV, and {name} is read as {input_format}",
                    option=option,
                    advice=advice,
                )
                for option in self.given()
                if option in _OF_CSV
            ]
        if self.encoding is not None and input_format not in _WITH_TEXT:
            why = f"is for text, and {name} is {input_format}"
            errors.append(UsageError(why, option="encoding", advice=advice))
        if self.select is not None and input_format == "text":
            why = f"is for rows, and the items of {name} are lines"
            errors.append(UsageError(why, option="select", advice=advice))
        if errors:
            raise UsageError.joined(errors)


AS_USUAL = ReadingOptions()
