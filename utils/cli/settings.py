"""The settings of the demonstration: `compare`, `parallel` and `benchmark`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchmap.command.errors import flag_of
from batchmap.command.settings import (
    CommandSettings,
    TaskSettings,
    check_task_functions,
    keep_apart,
    refuse_input,
    report_files,
    task_file,
)
from batchmap.options import OptionReader, option, values
from batchmap.options.call_rows import CALL_NAMES, CallRows, check_call
from batchmap.options.inputs import check_inputs
from batchmap.options.locations import (
    input_file,
    input_source,
    output_file,
    source_text,
    source_texts,
)
from batchmap.options.reading_rows import INPUT, READING_NAMES, ReadingRows
from batchmap.storage.formats import INPUT_FORMATS

__all__ = ["DATA_TYPES", "GATE_ROUNDS", "SUITES", "WORKLOAD_NAMES", "Settings"]

WORKLOAD_NAMES = ("io", "text", "number")
DATA_TYPES = ("numbers", "text", "mixed")
SUITES = ("simulated", "real")

WORK = "What it does"
COMPARING = "How it compares"

GATE_ROUNDS = 7
"""So many rounds on either side are enough to tell of four scenarios, even if some overlap."""

_FOR_BUILT_IN_WORK = ("workload", "data", "latency_s", "failure_rate", "suite", "seed")
"""The options that are about built-in work, and so make no sense beside a task."""

_FOR_TASKS = (
    "setup", "setup_per", "retry_if", "cost", "input_format", "json_path", "limit", "sample",
    "rows",
)  # fmt: skip
"""Those that are about a task, beside how it is called and how its input is read."""


@dataclass(frozen=True, kw_only=True)
class Settings(TaskSettings, CommandSettings, ReadingRows, CallRows):
    """What a subcommand of the demonstration was asked to do; `Settings.of` checks it."""

    count: int | None = option(
        None, values.whole(1, values.LARGEST_COUNT, "for example 100"), group=INPUT,
        metavar="COUNT", is_positional=True, commands=("compare", "parallel"),
        help="how many items to make, or at most to take from the input",
    )  # fmt: skip
    workload: str = option(
        "io", values.choice(WORKLOAD_NAMES), group=WORK, metavar="|".join(WORKLOAD_NAMES),
        commands=("compare", "parallel"), help="what to do (default: io)",
    )  # fmt: skip
    data: str | None = option(
        None, values.choice(DATA_TYPES), group=WORK, metavar="|".join(DATA_TYPES),
        commands=("compare", "parallel"), help="what items to make (default: what fits)",
    )  # fmt: skip
    latency_s: float = option(
        0.5, values.duration_s, group=WORK, metavar="S",
        help="mean simulated wait; others scale with it (0.5)",
    )  # fmt: skip
    failure_rate: float = option(
        0.05, values.share, group=WORK, metavar="F",
        help="share of items that fail on purpose (default: 0.05)",
    )  # fmt: skip
    seed: int = option(
        0, values.whole(None, None, "for example 7"), group=WORK, metavar="N",
        help="what the items and failures follow from (default: 0)",
    )  # fmt: skip
    suite: str = option(
        "simulated", values.choice(SUITES), group=WORK, metavar="|".join(SUITES),
        commands=("benchmark",),
        help="simulated waits (default), or real work",
    )  # fmt: skip
    quick: bool = option(
        False, group=WORK, commands=("benchmark",),
        help="cut waits to a tenth, real work to a quarter",
    )  # fmt: skip
    task: str | None = option(
        None, group=INPUT, metavar="TASK", commands=("compare", "benchmark"),
        help="your own function, file.py:function, over --input",
    )  # fmt: skip
    input: str | None = option(
        None, lambda raw, label: str(raw), group=INPUT, metavar="INPUT",
        help="a file whose lines are items; with a task, as for run",
    )  # fmt: skip
    input_format: str | None = option(
        None, values.choice(INPUT_FORMATS), group=INPUT, metavar="|".join(INPUT_FORMATS),
        commands=("compare", "benchmark"), help="when the suffix does not tell",
    )  # fmt: skip
    json_path: str | None = option(
        None, values.json_path, group=INPUT, metavar="KEY.KEY", commands=("compare", "benchmark"),
        help="the array of a JSON file that lies under these keys",
    )  # fmt: skip
    more_sources: tuple[str, ...] = option(
        (), source_texts, group=INPUT, metavar="INPUT", is_positional=True,
        commands=("compare", "benchmark"),
        help="further inputs, for rows or paths of all of them",
    )  # fmt: skip
    rows: bool = option(
        False, group=INPUT, commands=("compare", "benchmark"),
        help="take the rows of all files that INPUT names",
    )  # fmt: skip
    limit: int | None = option(
        None, values.whole(1, values.LARGEST_COUNT, "for example 100"), group=INPUT, metavar="N",
        commands=("compare", "benchmark"), help="take the first N items only",
    )  # fmt: skip
    sample: int | None = option(
        None, values.whole(1, 10**8, "for example 100"), group=INPUT, metavar="N",
        commands=("compare", "benchmark"), help="take N items at random over all of the input",
    )  # fmt: skip
    repeat: int = option(
        1, values.whole(1, 1000, "for example 5"), group=COMPARING, metavar="N",
        commands=("compare", "benchmark"), help="run each side N times, in turn (default: 1)",
    )  # fmt: skip
    tolerance: float = option(
        0.0, values.tolerance, group=COMPARING, metavar="T", commands=("compare", "benchmark"),
        help="floats that differ by T, or that share, are equal",
    )  # fmt: skip
    sweep: tuple[int, ...] = option(
        (), values.worker_counts, group=COMPARING, metavar="1,2,4,8", commands=("benchmark",),
        help="worker counts to try in every scenario",
    )  # fmt: skip
    save: Path | None = option(
        None, output_file, group=COMPARING, metavar="FILE", commands=("benchmark",),
        help="keep the figures in FILE",
    )  # fmt: skip
    against: Path | None = option(
        None, input_file, group=COMPARING, metavar="FILE", commands=("benchmark",),
        help="compare with figures that were kept",
    )  # fmt: skip
    gate: float | None = option(
        None, values.percentage, group=COMPARING, metavar="N%", commands=("benchmark",),
        help="exit with 5 when something got slower by more",
    )  # fmt: skip
    versus: str | None = option(
        None, group=COMPARING, metavar="REV", commands=("benchmark",),
        help="the task as it is against the task at a git revision",
    )  # fmt: skip

    @property
    def workload_name(self) -> str:
        """The user's task, else the built-in workload."""
        return self.task or self.workload

    @property
    def brings_function(self) -> bool:
        """Whether the function is no built-in workload, so that nothing is known of it."""
        return self.task is not None or self.suite == "real"

    @classmethod
    def _read(cls, reader: OptionReader) -> dict[str, Any]:
        found = super()._read(reader)
        _check_task(reader, found)
        parse_input = input_file if found["task"] is None else input_source
        if found["rows"] or found["input_format"] == "files":  # which takes directories, too
            parse_input = source_text
        source = reader.read("input", parse_input)
        found["input"] = f"{source}" if isinstance(source, Path) else source
        check_inputs(reader, {**found, "source": found["input"]})
        _check_gate(reader, found)
        if found["sweep"] and (reader.raw("workers") or reader.raw("workers_positional")):
            reader.error("--sweep names the worker counts, so not with --workers; leave one out")
        reports = {name: found[name] for name in report_files(cls)}
        save, task = found["save"], task_file(found["task"])
        refuse_input(reader, {**reports, "save": save}, found["input"])
        keep_apart(reader, {"save": save}, {**reports, "task": task})
        keep_apart(reader, reports, {"against": found["against"], "task": task})
        return found


def _check_gate(reader: OptionReader, found: dict[str, Any]) -> None:
    """Report what a gate or a revision does not go with; a gate takes several rounds."""
    gate, versus = reader.raw("gate"), found["versus"]
    if versus is None and gate is not None:
        if reader.raw("against") is None:
            reader.error(
                f"--gate {gate}: needs --against FILE or --versus REV, to compare with; add one"
            )
        if found["sweep"]:
            reader.error("--gate takes the saved number of workers, so not --sweep; leave one out")
        if reader.raw("repeat") is None:
            found["repeat"] = GATE_ROUNDS
    if versus is None:
        return
    if reader.raw("task") is None:
        reader.error(f"--versus {versus}: needs TASK and INPUT, to be run at both revisions")
    for name in ("against", "save", "sweep"):
        if reader.raw(name) is not None:
            reader.error(f"--versus runs both sides itself, so not with --{name}; leave one out")
    if found["backend"] == "dask":
        reader.error("--versus runs on this machine alone, so not with --backend dask")


def _check_task(reader: OptionReader, found: dict[str, Any]) -> None:
    """Report options that make no sense beside, or without, a function of the user's own."""
    task, source = reader.raw("task"), reader.raw("input")
    if task is None:
        if source is not None and reader.raw("data") is not None:
            reader.error("--data says what items to make and --input brings its own; leave one out")
        for name in (*_FOR_TASKS, *CALL_NAMES, *READING_NAMES):
            if (given := reader.raw(name)) is not None:
                value = " ".join(given) if isinstance(given, list) else given
                shown = flag_of(name) if given is True else f"{flag_of(name)} {value}"
                reader.error(f"{shown}: needs --task, which it is about")
        return
    check_task_functions(reader, found)
    check_call(reader, found)
    if source is None:
        reader.error(f"--task {task}: needs --input INPUT, whose items it is given")
    if reader.raw("limit") is not None and reader.raw("count") is not None:
        reader.error("--limit is the same as COUNT; give one of them")
    for name in _FOR_BUILT_IN_WORK:
        if name == "seed" and reader.raw("sample") is not None:  # it says which sample is taken
            continue
        if reader.raw(name) is not None:
            reader.error(
                f"{flag_of(name)} is for built-in work and --task brings its own; leave one out"
            )
