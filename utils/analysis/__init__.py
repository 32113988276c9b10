"""What the measurements of runs mean: where time went, what was possible, whether results match.

    rounds of runs -> comparison -> case -> reports

`case` is where the nodes come in: it has the results checked (`correctness`), the rounds compared
(`comparison`) and, with one run alone, its losses explained (`bottlenecks`). `records` holds what
all of them find, `benchmark_records` what a benchmark finds.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aggregates import Part, WorkerSum, gibibytes, parts_of, worker_sums
    from .benchmark_records import Recommendation, Regression, Sweep, SweepPoint
    from .case import ComparedRounds, RunFigures, analyze_rounds, build_case, plan_as_run
    from .comparison import describe_runs
    from .correctness import ResultLog, RoundResults
    from .given_options import GivenOptions
    from .histogram import Bin, Histogram, make_histogram
    from .recommendations import NEARLY_BEST, recommend
    from .records import (
        Bottleneck,
        Case,
        Comparison,
        FailureExample,
        Mismatch,
        Prediction,
        Spread,
        TimeBreakdown,
        Verdict,
    )
    from .regressions import compare_with, read_benchmark, saved_benchmark
    from .scaling import fit_scaling, fitted_curve
    from .worker_load import WorkerLoad, worker_loads

__all__ = [
    "NEARLY_BEST",
    "Bin",
    "Bottleneck",
    "Case",
    "ComparedRounds",
    "Comparison",
    "FailureExample",
    "GivenOptions",
    "Histogram",
    "Mismatch",
    "Part",
    "Prediction",
    "Recommendation",
    "Regression",
    "ResultLog",
    "RoundResults",
    "RunFigures",
    "Spread",
    "Sweep",
    "SweepPoint",
    "TimeBreakdown",
    "Verdict",
    "WorkerLoad",
    "WorkerSum",
    "analyze_rounds",
    "build_case",
    "compare_with",
    "describe_runs",
    "fit_scaling",
    "fitted_curve",
    "gibibytes",
    "make_histogram",
    "parts_of",
    "plan_as_run",
    "read_benchmark",
    "recommend",
    "saved_benchmark",
    "worker_loads",
    "worker_sums",
]

_NAMES = {
    ".aggregates": ["Part", "WorkerSum", "gibibytes", "parts_of", "worker_sums"],
    ".benchmark_records": ["Recommendation", "Regression", "Sweep", "SweepPoint"],
    ".case": ["ComparedRounds", "RunFigures", "analyze_rounds", "build_case", "plan_as_run"],
    ".comparison": ["describe_runs"],
    ".correctness": ["ResultLog", "RoundResults"],
    ".given_options": ["GivenOptions"],
    ".histogram": ["Bin", "Histogram", "make_histogram"],
    ".recommendations": ["NEARLY_BEST", "recommend"],
    ".records": [
        "Bottleneck",
        "Case",
        "Comparison",
        "FailureExample",
        "Mismatch",
        "Prediction",
        "Spread",
        "TimeBreakdown",
        "Verdict",
    ],
    ".regressions": ["compare_with", "read_benchmark", "saved_benchmark"],
    ".scaling": ["fit_scaling", "fitted_curve"],
    ".worker_load": ["WorkerLoad", "worker_loads"],
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}
"""Where each public name is defined; modules are loaded as they are needed."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name], __name__), name)
