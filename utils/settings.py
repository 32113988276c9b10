"""The settings of a command, checked once at the door, all faults reported together."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from utils.checks import checked_rate, checked_sweep, checked_timeout_s, checked_tolerance
from utils.door import LARGEST_COUNT, Door, option_name
from utils.formats import INPUT_FORMATS

__all__ = [
    "BACKENDS",
    "DATA_TYPES",
    "LOG_LEVELS",
    "SUITES",
    "WORKLOAD_NAMES",
    "EngineSettings",
    "Settings",
    "task_file",
]

WORKLOAD_NAMES = ("io", "text", "number")
DATA_TYPES = ("numbers", "text", "mixed")
BACKENDS = ("auto", "sequential", "thread", "process", "async", "dask")
SUITES = ("simulated", "real")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What every command can be asked for; build a subclass with its `of`, which checks."""

    workers: int | None = None
    """`None`: chosen."""
    backend: str | None = None
    """`auto`: by measuring; `None`: the command's default."""
    batch_size: int | None = None
    """`None`: chosen."""
    retries: int = 0
    """Attempts after the first."""
    timeout_s: float | None = None
    """Time limit of an item; `None` for none."""
    rate: float | None = None
    """Items that may start in a second; `None` for no limit."""
    quiet: bool = False
    progress: bool = True
    log_level: str = "warning"
    export_json: Path | None = None
    export_markdown: Path | None = None
    export_html: Path | None = None

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Check the options, given as text (from a command line) or as values, and keep them.

        `workers_positional` may stand beside `workers`. An option that is `None` or missing
        keeps its default. Raises `UsageError` with all faults, `InputError` when the input alone
        is at fault, `TypeError` for an option that does not exist.
        """
        if unknown := options.keys() - cls._option_names() - {"faults"}:
            raise TypeError(f"no option {', '.join(sorted(unknown))}")
        door = Door(options)
        settings = cls(**cls._checked(door, options))
        door.close()
        return settings

    @classmethod
    def _option_names(cls) -> set[str]:
        return {field.name for field in fields(cls)} | {"workers_positional"}

    @classmethod
    def _checked(cls, door: Door, options: dict[str, Any]) -> dict[str, Any]:
        return {
            "workers": door.workers(),
            "backend": door.choice("backend", BACKENDS),
            "batch_size": door.batch_size(),
            "retries": door.whole("retries", "--retries", 0, 1000, "0 means one attempt") or 0,
            "timeout_s": door.positive("timeout_s", "--timeout", checked_timeout_s),
            "rate": door.positive("rate", "--rate", checked_rate),
            "quiet": bool(options.get("quiet")),
            "progress": options.get("progress") is not False,
            "log_level": door.choice("log_level", LOG_LEVELS) or "warning",
            **door.exports(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(EngineSettings):
    """What a command of the demonstration was asked to do."""

    count: int | None = None
    """Items to make, or at most to take from the input; `None`: the default, or all there are."""
    seed: int = 0
    workload: str = "io"
    data: str | None = None
    """What kind of items to make; `None`: what fits the workload."""
    latency_s: float = 0.5
    """Mean simulated wait of the `io` workload; the other waits scale with it."""
    failure_rate: float = 0.05
    """Share of the items that fail on purpose, from 0 to 1."""
    input: str | None = None
    """A file whose lines are the items; with a task, whatever `open_source` understands."""
    input_format: str | None = None
    """How the task's input is read where its name does not tell."""
    quick: bool = False
    """Whether to cut simulated waits to a tenth, and real work to about a quarter."""
    task: str | None = None
    """The user's own function, in place of a workload."""
    setup: str | None = None
    """A function of the task's module that is called once in each worker."""
    repeat: int = 1
    """How often each side is run, in turn."""
    tolerance: float = 0.0
    """Floats that differ by no more than this, or this share of them, count as equal."""
    sweep: tuple[int, ...] = ()
    """The worker counts to try, each once, the fewest first; empty for what is usual."""
    suite: str = "simulated"
    """What kind of work the scenarios do: `simulated` or `real`."""
    save: Path | None = None
    """Where to keep the benchmark's figures."""
    against: Path | None = None
    """Figures that were kept, to compare with."""

    @property
    def brings_function(self) -> bool:
        """Whether the function is no built-in workload, so that nothing is known of it."""
        return self.task is not None or self.suite == "real"

    @classmethod
    def _checked(cls, door: Door, options: dict[str, Any]) -> dict[str, Any]:
        _check_task(door, options)
        sweep = door.read("sweep", checked_sweep) or ()
        if sweep and (options.get("workers") or options.get("workers_positional")):
            door.fault("--sweep names the worker counts, so not with --workers; leave one out")
        engine = EngineSettings._checked(door, options)
        save, against = door.output_file("save"), door.input_file("against")
        written = {name: engine[name] for name in engine if name.startswith("export_")}
        door.keep_apart({"save": save}, written)
        door.keep_apart(written, {"against": against, "task": task_file(options.get("task"))})
        door.keep_apart({"save": save}, {"task": task_file(options.get("task"))})
        return {
            "count": door.whole("count", "COUNT", 1, LARGEST_COUNT, "for example 100"),
            **engine,
            "seed": door.whole("seed", "--seed", None, None, "for example 7") or 0,
            "workload": door.choice("workload", WORKLOAD_NAMES) or "io",
            "data": door.choice("data", DATA_TYPES),
            "latency_s": door.latency(),
            "failure_rate": door.failure_rate(),
            "input": door.input("input", any_source=options.get("task") is not None),
            "input_format": door.choice("input_format", INPUT_FORMATS),
            "quick": bool(options.get("quick")),
            "task": options.get("task"),
            "setup": options.get("setup"),
            "repeat": door.whole("repeat", "--repeat", 1, 1000, "for example 5") or 1,
            "tolerance": door.read("tolerance", checked_tolerance) or 0.0,
            "sweep": sweep,
            "suite": door.choice("suite", SUITES) or "simulated",
            "save": save,
            "against": against,
        }


def task_file(task: Any) -> Path | None:
    """Return the file that a task is read from, where it names one."""
    place = str(task or "").rpartition(":")[0]
    return Path(place) if place.endswith(".py") else None


def _check_task(door: Door, options: dict[str, Any]) -> None:
    """Put down options that make no sense beside, or without, a function of the user's own."""
    task, source = options.get("task"), options.get("input")
    if task is None:
        if source is not None and options.get("data") is not None:
            door.fault("--data says what items to make and --input brings its own; leave one out")
        for name in ("setup", "input_format"):
            if options.get(name) is not None:
                door.fault(f"{option_name(name)} {options[name]}: needs --task, which it is about")
        return
    if source is None:
        door.fault(f"--task {task}: needs --input INPUT, whose items it is given")
    for name in _DEMONSTRATION:
        if options.get(name) is not None:
            label = option_name(name.removesuffix("_s"))
            door.fault(f"{label} is for built-in work and --task brings its own; leave one out")


_DEMONSTRATION = ("workload", "data", "latency_s", "failure_rate", "suite", "seed")
