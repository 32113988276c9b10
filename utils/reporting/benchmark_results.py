"""The benchmark: yields its trials one after another and gathers their results for the report."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from batchmap.command.export import export_document, json_text, write_export
from batchmap.command.provenance import Provenance
from batchmap.errors import UsageError
from batchmap.mapping_record import as_mapping
from batchmap.resources import describe_machine, free_memory_bytes, usable_cores

from ..analysis.recommendations import NEARLY_BEST, recommend
from ..analysis.records import Case, Recommendation, Regression, Sweep
from ..analysis.regressions import compare_with, read_benchmark, saved_benchmark
from ..analysis.scaling import fit_scaling
from ..cli.compared_task import ComparedFunction
from ..cli.settings import Settings
from ..workloads.real import REAL_SCENARIOS, RealScenario, missing, open_real_work
from ..workloads.scenarios import SCENARIOS, Scenario
from .contents import ReportContents
from .exports import write_exports
from .text.benchmark import benchmark_warnings, render_benchmark
from .text.print import show
from .verdict import benchmark_verdict

__all__ = ["Benchmark", "Trial"]

QUICK_SHARE = 0.1
"""The share of the simulated waits that `--quick` keeps."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One comparison to be run; the caller runs it on the trial's shared store."""

    name: str
    """The scenario, or the user's task."""
    workload: str
    """A workload's name, or the user's task."""
    settings: Settings
    """Those of the benchmark, with what the scenario sets and without exports."""
    function: ComparedFunction | None
    """`None`: the workload's own."""
    items: Iterable[Any] | None
    """`None`: the workload's own, or those of `--input`."""
    shared: dict[str, Any]
    """The shared store for the comparison graph, the same one for all worker counts."""
    has_baseline: bool
    """Whether the shared store holds the items and a sequential run over them already."""


class Benchmark:
    """Gather the results of the trials; the caller runs what `trials` yields and adds it.

    `function` is the user's own, benchmarked in place of the scenarios. Raises `InputError` when
    the figures of `--against` cannot be read, `UsageError` for an input without `--task`.
    """

    def __init__(self, settings: Settings, *, function: ComparedFunction | None = None) -> None:
        if settings.input is not None and function is None:
            raise UsageError(f"--input {settings.input}: benchmark takes it with --task only")
        self.notes: list[str] = []
        """Sentences on what could not be run."""
        self._settings = settings
        self._function = function
        self._before = None if settings.against is None else read_benchmark(settings.against)
        self._machine = describe_machine()
        self._started = datetime.now(UTC)
        self._documents: list[dict[str, Any]] = []
        self._measured: dict[str, dict[int, Case]] = {}

    def trials(self) -> Generator[Trial, None, None]:
        """Yield the trials; the server or files of one are gone when the next is asked for."""
        if self._function is not None:
            task = self._settings.task or ""
            yield from self._each_worker_count(
                Trial(task, task, self._without_exports(), self._function, None, {}, False)
            )
        elif self._settings.suite == "real":
            yield from self._real_trials()
        else:
            for scenario in SCENARIOS:
                yield from self._each_worker_count(self._simulated_trial(scenario))

    def _simulated_trial(self, scenario: Scenario) -> Trial:
        settings = self._without_exports(
            workload=scenario.workload,
            count=scenario.count,
            workers=self._settings.workers or scenario.workers,
            latency_s=self._settings.latency_s * (QUICK_SHARE if self._settings.quick else 1),
        )
        return Trial(scenario.name, scenario.workload, settings, None, None, {}, False)

    def _real_trials(self) -> Generator[Trial, None, None]:
        for scenario in REAL_SCENARIOS:
            if (reason := missing(scenario)) is not None:
                self.notes.append(reason)
                continue
            with ExitStack() as stack:
                yield from self._each_worker_count(self._real_trial(scenario, stack))

    def _real_trial(self, scenario: RealScenario, stack: ExitStack) -> Trial:
        count = scenario.quick_count if self._settings.quick else scenario.count
        work = stack.enter_context(open_real_work(scenario, count=count, seed=self._settings.seed))
        workers = self._settings.workers or scenario.workers
        settings = self._without_exports(workers=workers)
        return Trial(
            scenario.name, scenario.workload, settings, work.function, work.items, {}, False
        )

    def _without_exports(self, **changes: Any) -> Settings:
        """Return the settings with `changes` and no exports: those hold all scenarios together."""
        return replace(
            self._settings, export_json=None, export_markdown=None, export_html=None, **changes
        )

    def _each_worker_count(self, trial: Trial) -> Generator[Trial, None, None]:
        """Yield the trial at each worker count of `--sweep`; the later ones reuse the baseline."""
        if not self._settings.sweep:
            yield trial
            return
        has_baseline = False
        for workers in self._settings.sweep:
            settings = replace(trial.settings, workers=workers)
            yield replace(trial, settings=settings, has_baseline=has_baseline)
            has_baseline = True

    def add(self, trial: Trial, figures: Mapping[str, Any], case: Case | None) -> None:
        """Record the `figures` and the `case` of a trial that has ended, and write the exports.

        An interrupted trial is recorded, too. Exports to a pipe or a device wait for `finish`.
        Raises `OutputError` when one cannot be written.
        """
        document = export_document(
            "benchmark", trial.settings, self._machine, figures, Provenance.since(self._started)
        )
        self._documents.append({"name": trial.name, **document})
        if case is not None and case.comparison is not None:
            case = replace(case, name=trial.name, workload=trial.workload)
            self._measured.setdefault(trial.name, {})[trial.settings.workers or 0] = case
        self._export(with_streams=False)

    def finish(self, *, interrupted: bool) -> None:
        """Write the final exports and, unless interrupted, the figures for `--save`.

        Raises `OutputError` when a file cannot be written.
        """
        self._export(with_streams=True)
        if self._settings.save is not None and not interrupted:
            saved = saved_benchmark(self.cases, self._machine, conditions=self._conditions())
            write_export(self._settings.save, json_text(saved), option="--save")

    @property
    def cases(self) -> list[Case]:
        """Return each scenario's case with the fewest workers that come near its best speedup."""
        cases = []
        for by_workers in self._measured.values():
            enough = NEARLY_BEST * max(map(_speedup, by_workers.values()))
            best = next(case for case in by_workers.values() if _speedup(case) >= enough)
            cases.append(_with_sweep(best, by_workers) if self._settings.sweep else best)
        return cases

    @property
    def all_match(self) -> bool:
        """Return whether the results matched in every trial that was compared."""
        return all(
            case.comparison is None or case.comparison.results_match
            for by_workers in self._measured.values()
            for case in by_workers.values()
        )

    def recommendations(self) -> list[Recommendation]:
        """Return what to use for each kind of workload, from what was measured."""
        cases = [case for by_workers in self._measured.values() for case in by_workers.values()]
        return recommend(cases, usable_cores=usable_cores(), free_memory_bytes=free_memory_bytes())

    def show(self) -> None:
        """Print the report, or with `--quiet` only what went wrong.

        Raises `OutputError` when stdout cannot be written, `BrokenPipeError` when its reader left.
        """
        regressions, notes = self.regressions()
        report = render_benchmark(
            self.cases,
            self.recommendations(),
            regressions=regressions,
            notes=[*self.notes, *notes],
            details=self._settings.details,
        )
        show(
            report,
            quiet=self._settings.quiet,
            fault=None if self.all_match else benchmark_verdict(self.cases),
            warnings=() if self._settings.details else benchmark_warnings(self.cases),
        )

    def regressions(self) -> tuple[list[Regression], list[str]]:
        """Return the figures set against those of `--against`, and notes on what cannot be."""
        if self._before is None:
            return [], []
        return compare_with(self._before, self.cases, self._machine, conditions=self._conditions())

    def _conditions(self) -> Mapping[str, str | float | None]:
        """Return what the figures depend on besides the scenarios; they must be alike."""
        settings = self._settings
        conditions: dict[str, str | float | None] = {
            "retries": settings.retries or 0,
            "rate": None if settings.rate is None else " and ".join(map(str, settings.rate)),
            "timeout": settings.timeout_s,
            "batch size": settings.batch_size,
        }
        if settings.input is not None:
            file = Path(settings.input)
            return conditions | {
                "input": " ".join((settings.input, *settings.more_sources)),
                "input's size": file.stat().st_size if file.is_file() else None,
            }
        return conditions | {
            "suite": settings.suite,
            "latency": settings.latency_s * (QUICK_SHARE if settings.quick else 1),
            "failure rate": settings.failure_rate,
            "seed": settings.seed,
        }

    def _export(self, *, with_streams: bool) -> None:
        """Write what is known so far, so that a crash loses no finished trial."""
        settings = self._settings
        if not (settings.export_json or settings.export_markdown or settings.export_html):
            return
        regressions, notes = self.regressions()
        contents = ReportContents(
            verdict=benchmark_verdict(self.cases),
            provenance=Provenance.since(self._started),
            settings=as_mapping(settings),
            changed=settings.changed,
            machine=self._machine,
            cases=self.cases,
            recommendations=self.recommendations(),
            regressions=regressions,
            notes=[*self.notes, *notes],
        )
        document = {
            "command": "benchmark",
            **as_mapping(contents.provenance),
            "settings": settings,
            "machine": self._machine,
            "scenarios": self._documents,
            "sweeps": {case.name: case.sweep for case in self.cases if case.sweep},
            "recommendations": contents.recommendations,
            "regressions": regressions,
            "notes": contents.notes,
        }
        write_exports(settings, document, contents, with_streams=with_streams)


def _speedup(case: Case) -> float:
    return 0.0 if case.comparison is None else case.comparison.speedup


def _with_sweep(case: Case, by_workers: Mapping[int, Case]) -> Case:
    """Return the case with the other worker counts as measured instead of predicted."""
    comparison = case.comparison
    if comparison is not None:
        comparison = replace(comparison, predictions=(), stops_paying_at=None)
    return replace(case, comparison=comparison, sweep=_sweep(by_workers))


def _sweep(by_workers: Mapping[int, Case]) -> Sweep:
    return fit_scaling(
        {
            workers: case.comparison
            for workers, case in by_workers.items()
            if case.comparison is not None
        }
    )
