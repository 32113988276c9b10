"""Writes docs/export.md, the description of the JSON export, from the records' docstrings.

    python docs/describe_export.py

Each record gets a table of its fields, with the line under each field in the source.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

MODULES = (
    "packages/batchmap/batchmap/records.py",
    "packages/batchmap/batchmap/concurrency.py",
    "packages/batchmap/batchmap/run_outcome.py",
    "packages/batchmap/batchmap/metrics.py",
    "utils/analysis/records.py",
    "utils/analysis/benchmark_records.py",
    "utils/analysis/gate/decision.py",
    "utils/execution/trace.py",
    "packages/batchmap/batchmap/command/monitoring/command_summary.py",
    "packages/batchmap/batchmap/command/monitoring/run_figures.py",
)
"""Where the records are defined."""

RECORDS = (
    "Plan", "Concurrency", "RunSummary", "ItemRecord", "ItemFailure", "ErrorExample", "RunOutcome",
    "FailedItem", "SlowItem", "SyncCounts",
    "Comparison", "Verdict", "Mismatch", "TimeBreakdown", "Bottleneck", "Prediction", "Spread",
    "Sweep", "SweepPoint", "Recommendation", "Regression",
    "GateResult", "GatedFigure", "RevisionComparison",
    "Trace", "Span", "Environment", "RoundsEnvironment",
    "CommandSummary", "ItemCounts",
)  # fmt: skip
"""The records of an export, in the order in which they are described."""

HEAD = """\
# The JSON export

`--export-json FILE` writes every figure of a report, with the timing of each batch. Times are
in seconds, sizes in bytes, and shares go from 0 to 1. Records are objects with the fields below; what
is not known is `null`.

| key | holds |
| --- | --- |
| `command` | the subcommand |
| `command_line` | the command as a shell takes it, without secrets |
| `host`, `version` | the name of the machine, the version of `batchmap` |
| `started`, `ended` | when, as ISO 8601 with the time zone |
| `settings` | the options, checked, by name |
| `machine` | cores, memory in bytes, Python and system |
| `plan` | a `Plan` |
| `analysis` | a `Comparison`; without a sequential run those of its fields that apply, `utilisation` (the share of the workers' time that was spent on items) and, for `run`, a `RunOutcome` under `outcome` |
| `sequential_metrics`, `parallel_metrics` | a `RunSummary` each |
| `timeline` | a `Trace` under `sequential` and `parallel` |

`benchmark` holds the same down to `machine`, a list of such documents under `scenarios`, each
with its `name`, then `sweeps` (a `Sweep` by scenario), `recommendations` and `regressions` (lists of
such records), `notes` and, with `--gate`, a `GateResult` under `gate`. It is written again after each
scenario. With `--versus` it holds a `RevisionComparison` under `versus`, and no scenarios.

`--summary-json FILE` writes a `CommandSummary` alone, however the command ended: see
[operations](operations.md#the-summary).
"""


def document() -> str:
    """Return the whole text of docs/export.md."""
    records = {
        node.name: node
        for module in MODULES
        for node in ast.parse((ROOT / module).read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    return "\n".join([HEAD, *(_section(records[name]) for name in RECORDS)]).rstrip("\n") + "\n"


def _section(record: ast.ClassDef) -> str:
    return "\n".join(
        [
            f"## `{record.name}`",
            "",
            _one_line(ast.get_docstring(record) or ""),
            "",
            "| field | type | |",
            "| --- | --- | --- |",
            *_rows(record),
            "",
        ]
    )


def _rows(record: ast.ClassDef) -> Iterator[str]:
    """Yield a row for each field, with the text in the line under it, if any."""
    for node, following in zip(record.body, [*record.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign):
            continue
        explanation = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            explanation = _one_line(str(following.value.value))
        kind = ast.unparse(node.annotation).replace("|", "or")
        yield f"| `{ast.unparse(node.target)}` | `{kind}` | {explanation} |"


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    (ROOT / "docs" / "export.md").write_text(document(), encoding="utf-8")
