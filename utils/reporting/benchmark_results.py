"""The benchmark: yields its trials one after another and gathers their results for the report."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from batchmap.command.export import export_document, json_text, write_export
from batchmap.command.provenance import Provenance
from batchmap.errors import UsageError
from batchmap.mapping_record import as_mapping
from batchmap.resources import describe_machine, free_memory_bytes, usable_cores

from ..analysis.benchmark_records import Recommendation, Regression, Sweep
from ..analysis.gate import Decision, GateResult, gate_against
from ..analysis.recommendations import NEARLY_BEST, recommend
from ..analysis.records import Case
from ..analysis.regressions import compare_with, read_benchmark, saved_benchmark
from ..analysis.scaling import fit_scaling
from ..cli.arguments import SLOWER_THAN_ALLOWED
from ..cli.compared_task import ComparedFunction
from ..cli.settings import Settings
from .benchmark_conditions import benchmark_conditions
from .benchmark_trials import Trial, Trials
from .contents import ReportContents
from .exports import write_exports
from .text.benchmark import benchmark_warnings, render_benchmark
from .text.gate import gate_verdict
from .text.print import show
from .verdict import benchmark_verdict

__all__ = ["Benchmark"]


class Benchmark:
    """Gather the results of the trials; the caller runs what `trials` yields and adds it.

    `function` is the user's own, benchmarked in place of the scenarios. Raises `InputError` when
    the figures of `--against` cannot be read, `UsageError` for an input without `--task`.
    """

    def __init__(self, settings: Settings, *, function: ComparedFunction | None = None) -> None:
        if settings.input is not None and function is None:
            raise UsageError(f"--input {settings.input}: benchmark takes it with --task only")
        self._settings = settings
        self._before = None if settings.against is None else read_benchmark(settings.against)
        self._trials = Trials(settings, function, self._before)
        self._machine = describe_machine()
        self._started = datetime.now(UTC)
        self._documents: list[dict[str, Any]] = []
        self._measured: dict[str, dict[int, Case]] = {}

    def trials(self) -> Generator[Trial, None, None]:
        """Yield the trials; the server or files of one are gone when the next is asked for."""
        return self._trials.each()

    def add(self, trial: Trial, figures: Mapping[str, Any], case: Case | None) -> None:
        """Record the `figures` and the `case` of a trial that has ended, and write the exports.

        An interrupted trial is recorded, too. Exports to a pipe or a device wait for `finish`.
        Raises `OutputError` when one cannot be written.
        """
        if trial.finds_plan:
            return
        document = export_document(
            "benchmark", trial.settings, self._machine, figures, Provenance.since(self._started)
        )
        self._documents.append({"name": trial.name, **document})
        if case is not None and case.comparison is not None:
            case = replace(case, name=trial.name, workload=trial.workload)
            workers = trial.settings.workers
            number = workers if isinstance(workers, int) else 0
            self._measured.setdefault(trial.name, {})[number] = case
        self._export(with_streams=False)

    def finish(self, *, interrupted: bool) -> None:
        """Write the final exports and, unless interrupted, the figures for `--save`.

        Raises `OutputError` when a file cannot be written.
        """
        self._export(with_streams=True)
        if self._settings.save is not None and not interrupted:
            saved = saved_benchmark(
                self.cases, self._machine, conditions=benchmark_conditions(self._settings)
            )
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

    @property
    def is_slower(self) -> bool:
        """Return whether anything is slower than `--gate` allows."""
        gate = self.gate()
        return gate is not None and gate.decision is Decision.SLOWER

    @property
    def exit_code(self) -> int:
        """Return 1 when results do not match, else whether `--gate` allows it."""
        if not self.all_match:
            return 1
        return SLOWER_THAN_ALLOWED if self.is_slower else 0

    def recommendations(self) -> list[Recommendation]:
        """Return what to use for each kind of workload, from what was measured."""
        cases = [case for by_workers in self._measured.values() for case in by_workers.values()]
        return recommend(cases, usable_cores=usable_cores(), free_memory_bytes=free_memory_bytes())

    def show(self) -> None:
        """Print the report, or with `--quiet` only what went wrong.

        Raises `OutputError` when stdout cannot be written, `BrokenPipeError` when its reader left.
        """
        regressions, notes = self.regressions()
        gate = self.gate()
        report = render_benchmark(
            self.cases,
            self.recommendations(),
            regressions=regressions,
            gate=gate,
            notes=[*self._trials.notes, *notes],
            details=self._settings.details,
        )
        faults = () if self.all_match else (benchmark_verdict(self.cases),)
        if gate is not None and self.is_slower:
            faults = (*faults, gate_verdict(gate))
        show(
            report,
            quiet=self._settings.quiet,
            fault="\n".join(faults) or None,
            warnings=() if self._settings.details else benchmark_warnings(self.cases),
        )

    def regressions(self) -> tuple[list[Regression], list[str]]:
        """Return the figures set against those of `--against`, and notes on what cannot be."""
        if self._before is None:
            return [], []
        return compare_with(
            self._before, self.cases, self._machine, conditions=benchmark_conditions(self._settings)
        )

    def gate(self) -> GateResult | None:
        """Return what `--gate` says of the figures against those of `--against`."""
        if self._before is None or self._settings.gate is None:
            return None
        return gate_against(
            self._before,
            self.cases,
            self._machine,
            conditions=benchmark_conditions(self._settings),
            gate=self._settings.gate,
        )

    def _export(self, *, with_streams: bool) -> None:
        """Write what is known so far, so that a crash loses no finished trial."""
        settings = self._settings
        if not (settings.export_json or settings.export_markdown or settings.export_html):
            return
        regressions, notes = self.regressions()
        gate = self.gate()
        contents = ReportContents(
            verdict=benchmark_verdict(self.cases),
            provenance=Provenance.since(self._started),
            settings=as_mapping(settings),
            changed=settings.changed,
            machine=self._machine,
            cases=self.cases,
            recommendations=self.recommendations(),
            regressions=regressions,
            gate=gate,
            notes=[*self._trials.notes, *notes],
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
            **({} if gate is None else {"gate": gate}),
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
