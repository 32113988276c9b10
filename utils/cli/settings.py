"""The settings of the demonstration: `compare`, `parallel` and `benchmark`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchmap.command.option_parsers import parse_sweep, parse_tolerance
from batchmap.command.option_reader import LARGEST_COUNT, OptionReader, option_name
from batchmap.command.settings import EngineSettings, task_file
from batchmap.storage import INPUT_FORMATS

__all__ = ["DATA_TYPES", "SUITES", "WORKLOAD_NAMES", "Settings"]

WORKLOAD_NAMES = ("io", "text", "number")
DATA_TYPES = ("numbers", "text", "mixed")
SUITES = ("simulated", "real")


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
    def _parsed(cls, reader: OptionReader, options: dict[str, Any]) -> dict[str, Any]:
        _check_task(reader, options)
        sweep = reader.read("sweep", parse_sweep) or ()
        if sweep and (options.get("workers") or options.get("workers_positional")):
            reader.fault("--sweep names the worker counts, so not with --workers; leave one out")
        engine = EngineSettings._parsed(reader, options)
        save, against = reader.output_file("save"), reader.input_file("against")
        written = {name: engine[name] for name in engine if name.startswith("export_")}
        reader.keep_apart({"save": save}, written)
        reader.keep_apart(written, {"against": against, "task": task_file(options.get("task"))})
        reader.keep_apart({"save": save}, {"task": task_file(options.get("task"))})
        return {
            "count": reader.whole("count", "COUNT", 1, LARGEST_COUNT, "for example 100"),
            **engine,
            "seed": reader.whole("seed", "--seed", None, None, "for example 7") or 0,
            "workload": reader.choice("workload", WORKLOAD_NAMES) or "io",
            "data": reader.choice("data", DATA_TYPES),
            "latency_s": reader.latency(),
            "failure_rate": reader.failure_rate(),
            "input": reader.input("input", any_source=options.get("task") is not None),
            "input_format": reader.choice("input_format", INPUT_FORMATS),
            "quick": bool(options.get("quick")),
            "task": options.get("task"),
            "setup": options.get("setup"),
            "repeat": reader.whole("repeat", "--repeat", 1, 1000, "for example 5") or 1,
            "tolerance": reader.read("tolerance", parse_tolerance) or 0.0,
            "sweep": sweep,
            "suite": reader.choice("suite", SUITES) or "simulated",
            "save": save,
            "against": against,
        }


def _check_task(reader: OptionReader, options: dict[str, Any]) -> None:
    """Put down options that make no sense beside, or without, a function of the user's own."""
    task, source = options.get("task"), options.get("input")
    if task is None:
        if source is not None and options.get("data") is not None:
            reader.fault("--data says what items to make and --input brings its own; leave one out")
        for name in ("setup", "input_format"):
            if options.get(name) is not None:
                reader.fault(
                    f"{option_name(name)} {options[name]}: needs --task, which it is about"
                )
        return
    if source is None:
        reader.fault(f"--task {task}: needs --input INPUT, whose items it is given")
    for name in _DEMONSTRATION:
        if options.get(name) is not None:
            label = option_name(name.removesuffix("_s"))
            reader.fault(f"{label} is for built-in work and --task brings its own; leave one out")


_DEMONSTRATION = ("workload", "data", "latency_s", "failure_rate", "suite", "seed")
