"""The trials of a benchmark: which comparisons are run, one after another, and how."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from ..analysis.regressions import SavedBenchmark
from ..cli.compared_task import ComparedFunction
from ..cli.settings import Settings
from ..workloads.real import REAL_SCENARIOS, RealScenario, missing, open_real_work
from ..workloads.scenarios import SCENARIOS, Scenario
from .benchmark_conditions import QUICK_SHARE

__all__ = ["Trial", "Trials"]


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
    finds_plan: bool = False
    """Whether it only finds the plan for the trial that follows, and counts for nothing."""


class Trials:
    """The trials that `settings` ask for.

    `function` is the user's own, benchmarked in place of the scenarios. With a gate, a scenario is
    run by the plan that `before` has of it.
    """

    def __init__(
        self,
        settings: Settings,
        function: ComparedFunction | None,
        before: SavedBenchmark | None,
    ) -> None:
        self.notes: list[str] = []
        """Sentences on what could not be run."""
        self._settings = settings
        self._function = function
        self._before = before

    def each(self) -> Generator[Trial, None, None]:
        """Yield the trials; the server or files of one are gone when the next is asked for."""
        if self._function is not None:
            task = self._settings.task or ""
            yield from self._each_worker_count(
                Trial(task, task, self._without_exports(task), self._function, None, {}, False)
            )
        elif self._settings.suite == "real":
            yield from self._real_trials()
        else:
            for scenario in SCENARIOS:
                yield from self._each_worker_count(self._simulated_trial(scenario))

    def _simulated_trial(self, scenario: Scenario) -> Trial:
        settings = self._without_exports(
            scenario.name,
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
        settings = self._without_exports(scenario.name, workers=workers)
        return Trial(
            scenario.name, scenario.workload, settings, work.function, work.items, {}, False
        )

    def _without_exports(self, name: str, **changes: Any) -> Settings:
        """Return the settings with `changes` and no exports: those hold all scenarios together.

        With a gate, the scenario `name` has the saved backend and workers unless others are given.
        """
        given = self._settings
        saved = self._before.case(name) if self._before is not None and given.gate else None
        if saved is not None:
            changes["workers"] = given.workers or saved.workers
            changes["backend"] = given.backend or saved.backend
        return replace(given, export_json=None, export_markdown=None, export_html=None, **changes)

    def _each_worker_count(self, trial: Trial) -> Generator[Trial, None, None]:
        """Yield the trial at each worker count of `--sweep`; the later ones reuse the baseline."""
        if not self._settings.sweep:
            if self._settings.save and _measures_first(trial.settings):
                trial = yield from self._planned(trial)
            yield trial
            return
        has_baseline = False
        for workers in self._settings.sweep:
            settings = replace(trial.settings, workers=workers)
            yield replace(trial, settings=settings, has_baseline=has_baseline)
            has_baseline = True

    def _planned(self, trial: Trial) -> Generator[Trial, None, Trial]:
        """Return the trial with a plan that one before finds, so that its times hold no measuring.

        A later run by the saved plan measures nothing either.
        """
        shared: dict[str, Any] = {}
        once = replace(trial.settings, repeat=1)
        yield replace(trial, settings=once, shared=shared, finds_plan=True)
        plan = shared["plan"]
        settings = replace(trial.settings, backend=plan.backend, workers=plan.workers)
        return replace(trial, settings=settings)


def _measures_first(settings: Settings) -> bool:
    """Tell whether a run would choose its backend while the first items run."""
    return settings.backend == "auto" or (settings.brings_function and settings.backend is None)
