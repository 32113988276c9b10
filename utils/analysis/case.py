"""Gathers what is known of a run, or of the rounds of a comparison, for the reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from batchmap.backends import runs_in_processes
from batchmap.command.held_back import held_back
from batchmap.metrics import RunSummary
from batchmap.records import Plan
from batchmap.resources import usable_cores
from batchmap.run_outcome import FailedItem, RunOutcome

from ..cli.compared_task import ComparedFunction
from ..execution.trace import Round, Trace
from .comparison import compare_runs, explain_run, median_round
from .given_options import GivenOptions
from .records import Case, Comparison, FailureExample, Verdict
from .thresholds import is_cpu_bound

if TYPE_CHECKING:
    from .correctness import RoundResults

__all__ = ["ComparedRounds", "RunFigures", "analyze_rounds", "build_case", "plan_as_run"]

MIN_BASELINE_S = 0.1
"""The machine's capacity is measured for sequential runs that take at least this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRounds:
    """The rounds of a comparison so far, with what they were run."""

    rounds: Sequence[Round]
    """At least one."""
    results: RoundResults
    """Of the last round."""
    earlier_verdict: Verdict | None
    """On the rounds before; `None` in the first one."""
    data_type: str
    plan: Plan
    """As it was in the end."""
    given: GivenOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """What is known when a run, or a comparison, is reported; complete or interrupted."""

    data_type: str
    items: Iterable[Any]
    total_items: int | None
    """`None` while unknown."""
    plan: Plan
    given: GivenOptions
    sequential: RunSummary | None
    """`None` without a sequential run."""
    parallel: RunSummary | None
    """`None` without a parallel run."""
    parallel_trace: Trace | None
    rounds: Sequence[Round] = ()
    """Empty without a comparison."""
    comparison: Comparison | None = None
    """Of the rounds."""


def analyze_rounds(
    compared: ComparedRounds,
    function: ComparedFunction,
    *,
    tolerance: float,
    measures_capacity: bool,
) -> Comparison:
    """Return the comparison of the rounds so far.

    `function` is what was run; it is called again where results do not match. Floats that differ
    by no more than `tolerance`, or this share of them, match. With `measures_capacity`, which is
    for the last round, it is measured how many cores' work the machine does, if the items compute.
    """
    from .correctness import check_results  # which only comparisons need

    return compare_runs(
        compared.rounds,
        data_type=compared.data_type,
        plan=compared.plan,
        usable_cores=usable_cores(),
        capacity=_capacity(compared.rounds[-1].sequential) if measures_capacity else None,
        verdict=check_results(
            compared.results,
            function,
            earlier=compared.earlier_verdict,
            tolerance=tolerance,
            in_processes=runs_in_processes(compared.plan.backend),
        ),
        given=compared.given,
    )


def build_case(
    name: str, workload: str, figures: RunFigures, *, outcome: RunOutcome | None = None
) -> Case | None:
    """Return all that is known of a run and its baseline; `None` without a parallel run.

    `name` is the scenario or the subcommand, `workload` that of a workload or the user's task;
    `outcome` is what `run` did with the user's items, the other commands have none.
    """
    run, trace = figures.parallel, figures.parallel_trace
    if run is None or trace is None:
        return None
    sequential = sequential_trace = None
    comparison = figures.comparison
    if comparison is not None:
        breakdown, bottleneck = comparison.accounting, comparison.diagnosis
        middle = median_round(figures.rounds)
        run, trace = middle.parallel, middle.parallel_trace
        sequential, sequential_trace = middle.sequential, middle.sequential_trace
    else:
        breakdown, bottleneck = explain_run(
            figures.plan, run, trace, usable_cores=usable_cores(), given=figures.given
        )
    if outcome is not None:  # the records of `run` count the items that were left to be done
        failed_items = outcome.first_failures
        run = run.with_places_of(outcome)
    else:
        from .correctness import place_in_words

        place = place_in_words(figures.items)
        failed_items = tuple(FailedItem(place(one.index), one) for one in run.unexpected_failures)
        run = replace(
            run,
            errors=tuple(
                one if one.index is None else replace(one, place=place(one.index))
                for one in run.errors
            ),
        )
    return Case(
        name=name,
        workload=workload,
        data_type=figures.data_type,
        plan=figures.plan,
        sequential=sequential,
        parallel=run,
        sequential_trace=sequential_trace,
        parallel_trace=trace,
        comparison=comparison,
        accounting=breakdown,
        diagnosis=bottleneck,
        failures=_failure_examples(failed_items),
        outcome=outcome,
        held_back=None
        if outcome is None
        else held_back(run, figures.plan, limits=figures.given.start_limits),
    )


def plan_as_run(plan: Plan, summary: RunSummary, *, batch_size: int | None) -> Plan:
    """Return `plan`, made by measuring, with the number and size of the actual batches.

    `batch_size` is the size that was asked for; where it is `None`, batches differed in size, and
    the plan gets their mean size.
    """
    mean = round(summary.total_processed / summary.batches) if summary.batches else 1
    return replace(plan, batch_size=batch_size or max(1, mean), num_batches=summary.batches)


def _capacity(sequential: RunSummary) -> float | None:
    """Return how many cores' work the machine does at once; `None` where it does not matter."""
    if not is_cpu_bound(sequential) or sequential.total_duration < MIN_BASELINE_S:
        return None
    from .core_capacity import measure_capacity

    cores = usable_cores()
    try:
        return 1.0 if cores == 1 else min(float(cores), measure_capacity(cores))
    except OSError:  # no more processes may be started, which is no reason to lose the figures
        return None


def _failure_examples(failed_items: Iterable[FailedItem]) -> tuple[FailureExample, ...]:
    return tuple(
        FailureExample(one.place, one.record.failure.error_type, one.record.failure.error)
        for one in failed_items
        if one.record.failure is not None
    )
