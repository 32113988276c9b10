"""The benchmark: its cases as settings, and what came of them gathered for the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from utils.machine import describe_machine, free_memory_bytes, usable_cores
from utils.recommending import recommend
from utils.records import Comparison, Recommendation, RunSummary, ScenarioResult
from utils.reporting import export_document
from utils.scenarios import SCENARIOS
from utils.settings import Settings

__all__ = ["Benchmark"]

QUICK_SHARE = 0.1
"""What share of the simulated waits is left with `--quick`."""


class Benchmark:
    """Gather the outcomes of the scenarios, each run by whoever walks `cases`."""

    def __init__(self, settings: Settings) -> None:
        self.results: list[ScenarioResult] = []
        """The scenarios that were compared to their end."""
        self._settings = settings
        self._machine = describe_machine()
        self._documents: list[dict[str, Any]] = []

    def cases(self) -> Iterator[tuple[str, Settings]]:
        """Yield the name of each scenario and the settings to compare it with."""
        settings = self._settings
        for scenario in SCENARIOS:
            yield (
                scenario.name,
                replace(
                    settings,
                    workload=scenario.workload,
                    count=scenario.count,
                    workers=settings.workers or scenario.workers,
                    latency_s=settings.latency_s * (QUICK_SHARE if settings.quick else 1),
                ),
            )

    def add(self, name: str, settings: Settings, shared: Mapping[str, Any]) -> None:
        """Keep what the comparison graph left in its shared store, even if it was interrupted."""
        document = export_document("benchmark", settings, self._machine, shared)
        self._documents.append({"name": name, **document})
        if "speedup" in shared["analysis"]:
            self.results.append(
                ScenarioResult(
                    name,
                    settings.workload,
                    shared["plan"],
                    RunSummary(**shared["sequential_metrics"]),
                    Comparison(**shared["analysis"]),
                )
            )

    @property
    def all_match(self) -> bool:
        """Tell whether the results matched in every scenario that was compared."""
        return all(result.comparison.results_match for result in self.results)

    def recommendations(self) -> list[Recommendation]:
        """Return what to use for each kind of workload, drawn from what was measured."""
        return recommend(
            self.results, usable_cores=usable_cores(), free_memory_bytes=free_memory_bytes()
        )

    def document(self) -> dict[str, Any]:
        """Return what the export holds."""
        return {
            "command": "benchmark",
            "settings": self._settings,
            "machine": self._machine,
            "scenarios": self._documents,
            "recommendations": self.recommendations(),
        }
