"""The door of a command: reads its options one by one and gathers what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from glob import has_magic
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from batchmap.command.option_parsers import (
    OptionError,
    parse_choice,
    parse_duration_s,
    parse_share,
    parse_whole,
    parse_workers,
)
from batchmap.errors import InputError, UsageError
from batchmap.storage import (
    Location,
    StoreUrl,
    is_same_file,
    is_stream,
    location_of,
    why_unreadable,
    why_unusable,
    why_unwritable,
)

__all__ = ["LARGEST_COUNT", "OptionReader", "option_name"]

LARGEST_COUNT = 10**15

_EXPORTS = ("export_json", "export_markdown", "export_html")

T = TypeVar("T")


class OptionReader:
    """Read options one by one and gather what is wrong with them."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._usage_errors: list[str] = list(options.get("faults") or ())
        self._input_errors: list[str] = []

    def close(self) -> None:
        messages = self._usage_errors + self._input_errors
        if self._usage_errors:
            raise UsageError(messages)
        if messages:
            raise InputError(messages)

    def read(self, name: str, convert: Callable[[Any], T]) -> T | None:
        raw = self._options.get(name)
        if raw is None:
            return None
        try:
            return convert(raw)
        except OptionError as fault:
            self._usage_errors.append(str(fault))
            return None

    def whole(
        self, name: str, label: str, least: int | None, most: int | None, mend: str
    ) -> int | None:
        return self.read(name, lambda raw: parse_whole(raw, label, least, most, mend))

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        return self.read(name, lambda raw: parse_choice(raw, option_name(name), allowed))

    def batch_size(self) -> int | None:
        if self._options.get("batch_size") == "auto":
            return None
        mend = "leave it out to have it chosen"
        return self.whole("batch_size", "--batch-size", 1, LARGEST_COUNT, mend)

    def workers(self) -> int | None:
        positional = self.read("workers_positional", lambda raw: parse_workers(raw, "WORKERS"))
        option = self.read("workers", lambda raw: parse_workers(raw, "--workers"))
        given = self._options.get("workers_positional"), self._options.get("workers")
        if None not in given and positional != option:
            self._usage_errors.append(
                f"WORKERS is {given[0]} and --workers is {given[1]}; give one of them"
            )
        return option if positional is None else positional

    def fault(self, told: str) -> None:
        """Put down a fault that was found elsewhere."""
        self._usage_errors.append(told)

    def positive(self, name: str, label: str, check: Callable[[Any, str], float]) -> float | None:
        return self.read(name, lambda raw: check(raw, label))

    def latency(self) -> float:
        latency_s = self.read("latency_s", lambda raw: parse_duration_s(raw, "--latency"))
        return 0.5 if latency_s is None else latency_s

    def failure_rate(self) -> float:
        rate = self.read("failure_rate", lambda raw: parse_share(raw, "--failure-rate"))
        return 0.05 if rate is None else rate

    def input_file(self, name: str) -> Path | None:
        raw = self._options.get(name)
        if raw is None:
            return None
        if "://" in str(raw):  # it may hold a password
            self._usage_errors.append(
                f"{option_name(name)} takes a file, and no URL; save it as one"
            )
            return None
        path = Path(raw)
        problem = why_unreadable(path)
        if problem:
            self._input_errors.append(f"{option_name(name)} {raw}: {problem}")
        return path

    def input(self, name: str, *, any_source: bool) -> str | None:
        """Return the name of a file, or with `any_source` what else `open_source` knows."""
        raw = self._options.get(name)
        if raw is None or (any_source and _is_no_file(str(raw))):
            return raw
        path = self.input_file(name)
        return None if path is None else str(raw)

    def keep_apart(self, written: dict[str, Path | None], others: dict[str, Path | None]) -> None:
        """Put down files to be written that are what another option names."""
        for name, path in written.items():
            if path is None or is_stream(path):
                continue
            for other, theirs in others.items():
                if theirs is not None and os.path.realpath(path) == os.path.realpath(theirs):
                    self._usage_errors.append(
                        f"{option_name(name)} {path}: that is {option_name(other)}; "
                        "name another file"
                    )

    def exports(self) -> dict[str, Path | None]:
        """Return where each export goes; no two may go to the same file."""
        exports = {name: self.output_file(name) for name in _EXPORTS}
        if exports["export_html"] is not None and find_spec("plotly") is None:
            self._usage_errors.append(
                "--export-html needs a package: pip install -r requirements-html.txt"
            )
        for place, name in enumerate(_EXPORTS):
            self.keep_apart({name: exports[name]}, {one: exports[one] for one in _EXPORTS[:place]})
        return exports

    def output_place(self, name: str) -> Location | None:
        """Return where an output goes that may lie in a store."""
        raw = self._options.get(name)
        place = None if raw is None else location_of(str(raw))
        if not isinstance(place, StoreUrl):
            return self.output_file(name)
        problem = None
        if place.is_read_only:
            problem = f"what {place.scheme}:// names can only be read; name a file, or s3://…"
        elif not place.name:
            problem = "a directory; name a file in it"
        else:
            problem = why_unusable(place)
        if problem:
            self._usage_errors.append(f"{option_name(name)} {place}: {problem}")
        return place

    def output_file(self, name: str) -> Path | None:
        raw = self._options.get(name)
        if raw is None:
            return None
        path = location_of(str(raw))
        if isinstance(path, StoreUrl):
            self._usage_errors.append(
                f"{option_name(name)} {path}: takes a file, and no URL; name one of this machine"
            )
            return None
        source = self._options.get("input")
        problem = why_unwritable(path)
        if problem:
            self._usage_errors.append(f"{option_name(name)} {raw!s:.200}: {problem}")
        elif path.is_dir() or not str(raw):
            self._usage_errors.append(f"{option_name(name)} {raw}: a directory; name a file in it")
        elif not path.absolute().parent.is_dir():
            self._usage_errors.append(
                f"{option_name(name)} {raw}: there is no directory {path.parent}; make it first"
            )
        elif source is not None and is_same_file(path, Path(source)):
            self._usage_errors.append(
                f"{option_name(name)} {raw}: that is the input; name another file"
            )
        return path


def _is_no_file(spec: str) -> bool:
    """Tell whether `spec` is standard input, a URL or a pattern."""
    if spec == "-" or "://" in spec:
        return True
    try:
        return has_magic(spec) and not Path(spec).exists()
    except (OSError, ValueError):  # no name that a file can have
        return False


def option_name(name: str) -> str:
    return "--" + name.replace("_", "-")
