"""The settings of a subcommand: options checked once, all that is wrong reported together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from batchmap.command.errors import flag_of
from batchmap.concurrency import WorkerBounds
from batchmap.options import EngineOptions, OptionReader, option, rows_of
from batchmap.options.locations import replaced_file, report_file
from batchmap.options.rate_values import check_cost
from batchmap.options.retrying import check_retrying
from batchmap.options.table import LIMITS, RUNNING
from batchmap.options.values import choice
from batchmap.options.worker_values import check_bounds, workers
from batchmap.storage import is_same_file, is_stream

if TYPE_CHECKING:
    from batchmap.worker.setup import SetupPer

__all__ = [
    "EXPORTS",
    "LOG_LEVELS",
    "CommandSettings",
    "TaskSettings",
    "check_task_functions",
    "keep_apart",
    "refuse_input",
    "report_files",
    "task_file",
]

LOG_LEVELS = ("debug", "info", "warning", "error")

EXPORTS = ("export_json", "export_markdown", "export_html")

REPORT = "What it shows"

_SETUP_PER = ("worker", "process")

_WITH_A_TASK = ("run", "compare", "benchmark")
"""The subcommands that run a function of the user's."""


@dataclass(frozen=True, kw_only=True)
class CommandSettings(EngineOptions):
    """What every subcommand can be asked for; build a subclass with its `of`, which checks."""

    export_json: Path | None = option(
        None, report_file, group=REPORT, metavar="FILE", is_rare=True,
        help="the report as JSON, too",
    )  # fmt: skip
    export_markdown: Path | None = option(
        None, report_file, group=REPORT, metavar="FILE", is_rare=True,
        help="the report as Markdown, too",
    )  # fmt: skip
    export_html: Path | None = option(
        None, report_file, group=REPORT, metavar="FILE", is_rare=True,
        help="the report as a page with charts, too",
    )  # fmt: skip
    summary_json: Path | None = option(
        None, report_file, group=REPORT, metavar="FILE", is_rare=True,
        help="how it ended, as a small object of JSON: counts, exit code, first errors",
    )  # fmt: skip
    details: bool = option(False, group=REPORT, help="the whole report instead of the short one")
    quiet: bool = option(False, group=REPORT, help="print nothing but errors")
    progress: bool = option(True, group=REPORT, help="show no progress")
    log_level: str = option(
        "warning", choice(LOG_LEVELS), group=REPORT, metavar="|".join(LOG_LEVELS),
        help="what to log",
    )  # fmt: skip

    @property
    def changed(self) -> frozenset[str]:
        """The options that were given, or follow from those, so that they are not as by default."""
        return frozenset(one.name for one in fields(self) if getattr(self, one.name) != one.default)

    @property
    def workload_name(self) -> str:
        """What the reports call the work: a built-in workload's name, or the user's task."""
        raise NotImplementedError

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Return the settings that `options` ask for, given as text or as values.

        An option that is `None` or missing keeps its default. `workers_positional` may stand
        beside `workers`, and `errors_before` are messages to be reported with those found here.
        Raises `UsageError` with all that is wrong, `InputError` when files to be read alone are at
        fault, `TypeError` for an option that does not exist.
        """
        known = {field.name for field in fields(cls)} | {"workers_positional", "errors_before"}
        if unknown := options.keys() - known:
            raise TypeError(f"no option {', '.join(sorted(unknown))}")
        reader = OptionReader(options, flag_of)
        for message in options.get("errors_before") or ():
            reader.error(message)
        values = cls._read(reader)
        reader.close()
        return cls(**values)

    @classmethod
    def _read(cls, reader: OptionReader) -> dict[str, Any]:
        """Return the value of each option; what is wrong, alone or together, goes to `reader`."""
        values = reader.read_rows(cls)
        values["workers"] = _workers(reader, values["workers"])
        check_bounds(reader, values)
        check_retrying(reader, values, values.get("retry_if"))
        if values["export_html"] is not None and find_spec("plotly") is None:
            reader.error(
                "--export-html works with `python main.py` only, and needs a package: "
                'pip install "batchmap[html]"'
            )
        if values["details"] and values["quiet"]:
            reader.error("--details asks for the whole report and --quiet for none; leave one out")
        names = report_files(cls)
        for number, name in enumerate(names):
            keep_apart(reader, {name: values[name]}, {one: values[one] for one in names[:number]})
        return values


@dataclass(frozen=True, kw_only=True)
class TaskSettings:
    """The functions of a task's module beside the one that is called with each item."""

    setup: str | None = option(
        None, group=RUNNING, metavar="NAME", commands=_WITH_A_TASK,
        help="a function of the task's module, called in each worker",
    )  # fmt: skip
    setup_per: SetupPer = option(
        "worker", choice(_SETUP_PER), group=RUNNING, metavar="|".join(_SETUP_PER),
        commands=_WITH_A_TASK, is_rare=True,
        help="where the set-up is called once (default: worker)",
    )  # fmt: skip
    retry_if: str | None = option(
        None, group=LIMITS, metavar="NAME", commands=_WITH_A_TASK, is_rare=True,
        help="a function of the task's module: which errors to retry, and when",
    )  # fmt: skip
    cost: str | None = option(
        None, group=LIMITS, metavar="NAME", commands=_WITH_A_TASK, is_rare=True,
        help="a function of the task's module: what an item counts towards --rate",
    )  # fmt: skip


def _workers(
    reader: OptionReader, by_option: int | WorkerBounds | None
) -> int | WorkerBounds | None:
    by_position: int | WorkerBounds | None = reader.read("workers_positional", workers, "WORKERS")
    given = reader.raw("workers_positional"), reader.raw("workers")
    if None not in given and by_position != by_option:
        reader.error(f"WORKERS is {given[0]} and --workers is {given[1]}; give one of them")
    return by_option if by_position is None else by_position


def check_task_functions(reader: OptionReader, values: Mapping[str, Any]) -> None:
    """Report functions of a task's module, and what is said of them, that make no sense."""
    check_cost(reader, values, values["cost"])
    if (per := reader.raw("setup_per")) is not None and reader.raw("setup") is None:
        reader.error(f"--setup-per {per}: says where --setup is called; add --setup NAME")


def report_files(settings: type[CommandSettings]) -> tuple[str, ...]:
    """Return the options that name files which the command writes about itself."""
    return tuple(row.name for row in rows_of(settings) if row.parse in (report_file, replaced_file))


def keep_apart(
    reader: OptionReader, written: Mapping[str, Path | None], others: Mapping[str, Path | None]
) -> None:
    """Report each file of `written` that an option of `others` names, too.

    Both map options to files, `None` for an option without one.
    """
    for name, path in written.items():
        if path is None or is_stream(path):
            continue
        for other, their_path in others.items():
            if their_path is not None and os.path.realpath(path) == os.path.realpath(their_path):
                reader.error(f"{flag_of(name)} {path}: that is {flag_of(other)}; name another file")


def refuse_input(
    reader: OptionReader, written: Mapping[str, Path | None], source: str | Path | None
) -> None:
    """Report files to be written that are the input."""
    for name, path in written.items():
        if path is not None and source is not None and is_same_file(path, Path(source)):
            reader.error(f"{flag_of(name)} {path}: that is the input; name another file")


def task_file(task: Any) -> Path | None:
    """Return the file that a task is read from, where it names one."""
    location = str(task or "").rpartition(":")[0]
    return Path(location) if location.endswith(".py") else None
