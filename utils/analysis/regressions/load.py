"""Reads a saved benchmark, and checks everything in the file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from batchmap.errors import InputError
from batchmap.text import printable

from ...execution.trace import RoundsEnvironment
from .saved_benchmark import KIND, SCHEMA, SavedBenchmark, SavedCase, is_time

__all__ = ["json_shown", "read_benchmark"]

MAX_BYTES = 4_000_000
"""Far more than any benchmark takes."""


def read_benchmark(path: Path) -> SavedBenchmark:
    """Return the benchmark that `--save` wrote to `path`; raises `InputError` for anything else."""
    document = _Fields(_read_json(path), f"--against {path}")
    if document.value.get("kind") != KIND or "schema" not in document.value:
        raise InputError(
            f"--against {path}: it is JSON, but no saved benchmark; "
            "make one with `benchmark --save FILE`"
        )
    schema = document.whole("schema")
    if schema > SCHEMA:
        raise InputError(
            f"--against {path}: a later version saved it (schema {schema}, this one reads up to "
            f"{SCHEMA}); update this program, or save it again with this one"
        )
    cases = tuple(_read_case(fields) for fields in document.objects("cases"))
    names = Counter(case.name for case in cases)
    if twice := [name for name, times in names.items() if times > 1]:
        raise document.error(f"two scenarios are named {twice[0]!r:.80}")
    return SavedBenchmark(
        name=str(path),
        machine=document.mapping("machine"),
        conditions=document.mapping("conditions"),
        cases=cases,
    )


def _read_json(path: Path) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f"it holds {constant}, which JSON does not know")

    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(
            f"--against {path}: there is no such file; make one with `benchmark --save {path}`"
        ) from error
    except (OSError, ValueError) as error:  # the latter for a name with a NUL in it
        raise InputError(
            f"--against {path}: cannot be read ({getattr(error, 'strerror', None) or error}); "
            "name a file that `benchmark --save` wrote"
        ) from error
    if len(data) > MAX_BYTES:
        raise InputError(
            f"--against {path}: too large for a saved benchmark (over {MAX_BYTES:,} bytes); "
            "name a file that `benchmark --save` wrote"
        )
    try:
        document = json.loads(data, parse_constant=refuse)
    except RecursionError as error:
        raise InputError(
            f"--against {path}: nested too deep for a saved benchmark; "
            "name a file that `benchmark --save` wrote"
        ) from error
    except ValueError as error:
        raise InputError(
            f"--against {path}: it is not JSON ({printable(str(error)):.120}); "
            "name a file that `benchmark --save` wrote"
        ) from error
    return document if isinstance(document, dict) else {}


class _Fields:
    """An object of the document, whose fields are checked when they are read."""

    def __init__(self, value: dict[str, Any], place: str) -> None:
        self.value = value
        self._place = place

    def error(self, reason: str) -> InputError:
        """Return the error to raise."""
        return InputError(f"{self._place}: {reason}; save it again with `benchmark --save FILE`")

    def text(self, name: str) -> str:
        return printable(self._field(name, "text", lambda value: isinstance(value, str)))

    def whole(self, name: str) -> int:
        number: int = self._field(name, "a whole number from 0", _is_whole)
        return number

    def time(self, name: str) -> float:
        return float(self._field(name, "a time in seconds", is_time))

    def known(self, name: str) -> float | None:
        """Return a number from 0, `None` where there is none."""
        if self.value.get(name) is None:
            return None
        return float(self._field(name, "a number from 0", _is_measured))

    def times(self, name: str) -> tuple[float, ...]:
        values = self._field(
            name,
            "a list of times in seconds",
            lambda value: isinstance(value, list) and len(value) > 0 and all(map(is_time, value)),
        )
        return tuple(map(float, values))

    def mapping(self, name: str) -> dict[str, Any]:
        fields: dict[str, Any] = self._field(
            name, "an object", lambda value: isinstance(value, dict)
        )
        return fields

    def objects(self, name: str) -> list[_Fields]:
        values = self._field(
            name,
            "a list of objects",
            lambda value: isinstance(value, list) and all(isinstance(one, dict) for one in value),
        )
        return [
            _Fields(one, f"{self._place}, {name} {number}") for number, one in enumerate(values, 1)
        ]

    def _field(self, name: str, form: str, fits: Callable[[Any], bool]) -> Any:
        if name not in self.value:
            raise self.error(f"{name} is missing")
        value = self.value[name]
        if not fits(value):
            raise self.error(f"{name} must be {form}, got {json_shown(value)}")
        return value


def _read_case(fields: _Fields) -> SavedCase:
    return SavedCase(
        name=fields.text("name"),
        workload=fields.text("workload"),
        items=fields.whole("items"),
        workers=fields.whole("workers"),
        backend=fields.text("backend"),
        sequential_times_s=fields.times("sequential_times_s"),
        parallel_times_s=fields.times("parallel_times_s"),
        sweep_times_s=tuple(
            (point.whole("workers"), point.time("time_s")) for point in fields.objects("sweep")
        ),
        environment=RoundsEnvironment(
            sequential_load=fields.known("sequential_load"),
            parallel_load=fields.known("parallel_load"),
            probe_s=fields.known("probe_s"),
        ),
    )


def _is_measured(value: object) -> bool:
    return value == 0 or is_time(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def json_shown(value: object) -> str:
    """Return a value that JSON gave as text that fits a message, safe for a terminal."""
    try:
        return printable(f"{value!r:.60}")
    except (RecursionError, ValueError):  # ValueError for a number of thousands of digits
        return f"a {type(value).__name__}"
