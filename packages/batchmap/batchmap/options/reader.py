"""Reads the values of a table's options and gathers all that is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from batchmap.errors import InputError, UsageError
from batchmap.options.option_row import OptionError, Parser, rows_of

__all__ = ["OptionReader"]


class OptionReader:
    """Read options one by one; what is wrong is kept and raised together by `close`.

    `label` says what an option is called where it was given: `--timeout` on a command line,
    `timeout_s` in a call.
    """

    def __init__(self, options: Mapping[str, Any], label: Callable[[str], str] = str) -> None:
        self._options = options
        self.label = label
        self._usage_errors: list[str] = []
        self._input_errors: list[str] = []

    def raw(self, name: str) -> Any:
        """Return an option as it was given, `None` when it was not."""
        return self._options.get(name)

    def read(self, name: str, parse: Parser, label: str = "") -> Any:
        """Return what `parse` makes of an option; `None` where it is not given, or wrong."""
        raw = self._options.get(name)
        if raw is None:
            return None
        try:
            return parse(raw, label or self.label(name))
        except OptionError as error:
            (self._input_errors if error.of_input else self._usage_errors).append(str(error))
            return None

    def read_rows(self, settings: type[Any]) -> dict[str, Any]:
        """Return the values of all options that the dataclass `settings` declares, by name."""
        values: dict[str, Any] = {}
        for row in rows_of(settings):
            raw = self._options.get(row.name)
            if row.parse is not None:
                label = row.metavar if row.is_positional else ""
                value = self.read(row.name, row.parse, label)
            else:
                value = bool(raw) if row.is_switch and raw is not None else raw
            values[row.name] = row.default if value is None else value
        return values

    def error(self, message: str) -> None:
        """Add something wrong that only a look at several options tells."""
        self._usage_errors.append(message)

    def close(self) -> None:
        """Raise `UsageError` with all that is wrong, `InputError` where only files are at fault."""
        if self._usage_errors:
            raise UsageError([*self._usage_errors, *self._input_errors])
        if self._input_errors:
            raise InputError(self._input_errors)
