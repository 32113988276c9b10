"""Reports as plain text, and their printing: styled when a person looks on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from textwrap import wrap

from utils.records import (
    Comparison,
    ItemRecord,
    Plan,
    Recommendation,
    RunOutcome,
    RunSummary,
    ScenarioResult,
)
from utils.terminal import is_plain, printable, stdout_console, write_stdout

__all__ = ["render_benchmark", "render_comparison", "render_parallel", "render_partial", "show"]

TITLE = "Parallel Batch Processing Performance Report"
BENCHMARK_TITLE = "Parallel Batch Processing Benchmark"

WIDTH = 80

Place = Callable[[int], str]
Lines = list[str]


def render_comparison(
    plan: Plan, parallel: RunSummary, comparison: Comparison, *, place: Place
) -> str:
    """Return the report of a sequential and a parallel run."""
    return _report(
        _data_summary(comparison.total_items, comparison.data_type, plan),
        _section(
            "Performance Results",
            f"Sequential processing time: {comparison.sequential_time:.2f}s",
            f"Parallel processing time: {comparison.parallel_time:.2f}s",
            f"Speedup: {comparison.speedup:.2f}x",
            f"Efficiency: {comparison.efficiency:.1%}",
        ),
        _section(
            "Throughput",
            f"Sequential: {_rate(comparison.sequential_throughput)}",
            f"Parallel: {_rate(comparison.parallel_throughput)}",
        ),
        _section(
            "Correctness",
            f"Results match: {'✓' if comparison.results_match else '✗'}",
            f"Sequential errors: {comparison.errors['sequential']}",
            f"Parallel errors: {comparison.errors['parallel']}",
        ),
        _failures(parallel.unexpected_failures, place),
        _section(
            "Limit",
            f"Best possible speedup, items taken in order: {comparison.limit:.2f}x",
            f"Share reached: {comparison.share_of_limit:.1%}",
            f"Best possible speedup, item times known ahead: {comparison.limit_any_order:.2f}x",
            f"Share reached: {comparison.share_of_limit_any_order:.1%}",
        ),
        _section("Plan", *_plan_lines(plan, parallel)),
        _section("Conclusion", _comparison_conclusion(comparison)),
    )


def render_parallel(
    plan: Plan, data_type: str, run: RunSummary, *, utilisation: float, place: Place
) -> str:
    """Return the report of a parallel run alone."""
    return _report(
        _data_summary(run.total_processed, data_type, plan),
        _section(
            "Performance Results",
            f"Parallel processing time: {run.total_duration:.2f}s",
            f"Average time per item: {_seconds(run.avg_time_per_item)}",
            f"Workers used: {run.workers}",
        ),
        _section("Throughput", f"Parallel: {_rate(run.throughput)}"),
        _section(
            "Correctness",
            f"Parallel errors: {run.failed}",
            f"Success rate: {run.success_rate:.1%}",
        ),
        _failures(run.unexpected_failures, place),
        _section("Limit", f"Share of the workers' time spent on items: {utilisation:.1%}"),
        _section("Plan", *_plan_lines(plan, run)),
        _section(
            "Conclusion",
            f"{run.total_processed:,} items in {run.total_duration:.2f}s "
            f"on {run.workers} {_plural('worker', run.workers)}.",
        ),
    )


def render_run(plan: Plan, data_type: str, run: RunSummary, outcome: RunOutcome) -> str:
    """Return the report of a user's function over a user's data."""
    return _report(
        _data_summary(run.total_processed, data_type, plan),
        _section(
            "Performance Results",
            f"Parallel processing time: {run.total_duration:.2f}s",
            f"Average time per item: {_seconds(run.avg_time_per_item)}",
            f"Workers used: {run.workers}",
        ),
        _section("Throughput", f"Parallel: {_rate(run.throughput)}"),
        _section(
            "Correctness",
            f"Parallel errors: {outcome.failed}",
            f"Success rate: {run.success_rate:.1%}",
            *([f"Retries: {run.retries}"] if run.retries else []),
        ),
        _errors_told(outcome),
        _section("Output", *_where_it_is(outcome)),
        _section("Plan", *_plan_lines(plan, run)),
        _section("Conclusion", _run_conclusion(run, outcome)),
    )


def _errors_told(outcome: RunOutcome) -> Lines:
    lines = [
        printable(
            f"{one.error_type}, {one.number:,} {'time' if one.number == 1 else 'times'}, "
            f"first at {one.place}: {one.error:.200}"
        )
        for one in outcome.errors
    ]
    return _section("Most frequent errors", *lines) if lines else []


def _where_it_is(outcome: RunOutcome) -> Iterable[str]:
    before = f", {outcome.written_before:,} before" if outcome.written_before else ""
    yield f"Results: {outcome.written:,} in {printable(outcome.output)}{before}"
    failed = outcome.failed + outcome.failed_before
    if failed and outcome.errors_file is not None:
        before = f", {outcome.failed_before:,} of them before" if outcome.failed_before else ""
        yield f"Failed items: {failed:,} in {printable(outcome.errors_file)}{before}"
    elif failed:
        yield f"Failed items: {failed:,}, not kept; --errors FILE keeps them"


def _run_conclusion(run: RunSummary, outcome: RunOutcome) -> str:
    items = f"{run.total_processed:,} {_plural('item', run.total_processed)}"
    if outcome.halted:
        return f"Stopped after {items}: too many failed."
    if not outcome.finished:
        return f"Interrupted after {items}."
    if not run.total_processed and outcome.written_before + outcome.failed_before:
        return "There was nothing left to do."
    return (
        f"{items} in {run.total_duration:.2f}s on {run.workers} {_plural('worker', run.workers)}."
    )


def render_plan(plan: Plan) -> str:
    """Return what a run would do."""
    lines = [f"Backend: {plan.backend}", f"Workers: {plan.workers}"]
    lines.append(f"Batch size: {plan.batch_size}")
    predicted = "not measured" if plan.predicted_s is None else f"{plan.predicted_s:.2f}s"
    return _text(_section("Plan", *lines, *plan.why, f"Predicted time: {predicted}"))


def render_partial(
    plan: Plan | None, data_type: str, total: int | None, runs: dict[str, RunSummary]
) -> str:
    """Return what is known of a command that was interrupted; `runs` by phase."""
    sections = []
    for phase, run in runs.items():
        of_total = "" if total is None else f" of {total:,}"
        sections.append(
            _section(
                f"{phase.capitalize()} so far",
                f"Items done: {run.total_processed:,}{of_total}",
                f"{phase.capitalize()} processing time: {run.total_duration:.2f}s",
                f"{phase.capitalize()} errors: {run.failed}",
            )
        )
    done = " and ".join(
        f"{run.total_processed:,} items in the {phase} run" for phase, run in runs.items()
    )
    return _report(
        _data_summary(total, data_type, plan),
        *sections,
        _section("Conclusion", f"Interrupted after {done or 'no items'}."),
    )


def render_benchmark(
    results: Sequence[ScenarioResult], recommendations: Iterable[Recommendation]
) -> str:
    """Return the table of the scenarios and what it recommends."""
    head = (
        "Scenario", "Items", "Workers", "Seq. s", "Par. s", "Speedup", "Eff.", "Limit", "Match",
    )  # fmt: skip
    rows = [
        (
            result.name,
            str(result.comparison.total_items),
            str(result.plan.workers),
            f"{result.comparison.sequential_time:.2f}",
            f"{result.comparison.parallel_time:.2f}",
            f"{result.comparison.speedup:.2f}x",
            f"{result.comparison.efficiency:.1%}",
            f"{result.comparison.limit:.2f}x",
            "✓" if result.comparison.results_match else "✗",
        )
        for result in results
    ]
    advice = (
        f"{one.workload} ({one.kind}): {one.backend} backend, {one.workers} "
        f"{_plural('worker', one.workers)}, batch size {one.batch_size}: {one.why}"
        for one in recommendations
    )
    return _text(
        [*_title(BENCHMARK_TITLE), *_table(head, rows), "", *_section("Recommendation", *advice)]
    )


def show(report: str) -> None:
    """Print a report on stdout: plain when piped, its headings and marks styled on a terminal.

    Raises `OutputError` when stdout cannot be written, `BrokenPipeError` when its reader has left.
    """
    if is_plain():
        write_stdout(report)
    else:
        _show_styled(report)


def _show_styled(report: str) -> None:
    from rich.text import Text

    text = Text(report)
    text.highlight_regex(r"(?m)^(?![-\s])[^\n:]+$", "bold cyan")
    text.highlight_regex(r"✓", "bold green")
    text.highlight_regex(r"✗", "bold red")
    text.highlight_regex(r"(?m)(?<=^- Speedup: ).*$", "bold green")
    stdout_console().print(text, end="", soft_wrap=True)


def _report(*sections: Lines) -> str:
    return _text([*_title(TITLE), *chain.from_iterable(sections)])


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"


def _title(title: str) -> Lines:
    return [title, "=" * len(title), ""]


def _section(heading: str, *lines: str) -> Lines:
    entries = (
        wrap(f"- {line}", WIDTH, subsequent_indent="  ", break_long_words=False) for line in lines
    )
    return [heading, *chain.from_iterable(entries), ""]


def _data_summary(total: int | None, data_type: str, plan: Plan | None) -> Lines:
    lines = [f"Total items: {'unknown' if total is None else total}", f"Data type: {data_type}"]
    if plan is not None:
        lines += [
            f"Batch size: {plan.batch_size}",
            f"Number of batches: {'unknown' if plan.num_batches is None else plan.num_batches}",
        ]
    return _section("Data Summary", *lines)


def _plan_lines(plan: Plan, run: RunSummary) -> Lines:
    lines = [f"Backend: {plan.backend}", f"Workers: {plan.workers}", *plan.why]
    if plan.predicted_s is not None:
        lines.append(f"Predicted time: {plan.predicted_s:.2f}s; it took {run.total_duration:.2f}s")
    return lines


def _failures(failures: Sequence[ItemRecord], place: Place) -> Lines:
    lines = [
        printable(f"{place(item.index)}: {item.failure.error_type}: {item.failure.error:.200}")
        for item in failures
        if item.failure is not None
    ]
    return _section("First failures", *lines) if lines else []


def _comparison_conclusion(comparison: Comparison) -> str:
    if not comparison.total_items:
        return "There were no items, so there is nothing to compare."
    if not comparison.results_match:
        return "The results of the two runs do not match, so the speedup counts for nothing."
    if comparison.speedup > 1.5:
        size = "a significant"
    elif comparison.speedup > 1.1:
        size = "a moderate"
    else:
        size = "a minimal"
    return (
        f"Parallel processing gave {size} speedup of {comparison.speedup:.2f}x "
        f"with {comparison.workers} {_plural('worker', comparison.workers)}."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    cells = [head, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]


def _rate(items_per_s: float) -> str:
    return f"{items_per_s:.1f} items/sec"


def _seconds(seconds: float) -> str:
    for scale, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * scale >= 0.1:
            return f"{seconds * scale:.2f}{unit}"
    return f"{seconds * 1e6:.1f}µs"


def _plural(noun: str, number: int) -> str:
    return noun if number == 1 else noun + "s"
