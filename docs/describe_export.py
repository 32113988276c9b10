"""Writes docs/export.md: what the JSON export holds, from the records' own explanations.

    python docs/describe_export.py

The tables are the fields of the records with the line that explains each, read from their source.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent

RECORDS = (
    ("utils/records.py", ("Plan", "RunSummary", "ItemRecord", "ItemFailure", "RunOutcome")),
    (
        "utils/findings.py",
        (
            "Comparison", "Verdict", "Mismatch", "TimeBreakdown", "Bottleneck", "Prediction", "Spread",
            "Sweep", "SweepPoint", "Recommendation", "Regression",
        ),
    ),
    ("utils/traces.py", ("Trace", "Span", "Environment")),
)  # fmt: skip

HEAD = """\
# The JSON export

`--export-json FILE` writes every figure of a report, with the timing of each batch. Seconds are
fields without a unit or that end in `_s`, sizes end in `_bytes`, shares go from 0 to 1. Records are
objects with the fields below; what is not known is `null`.

| key | holds |
| --- | --- |
| `command` | the subcommand |
| `settings` | the options, checked, by name |
| `machine` | cores, memory in bytes, Python and system |
| `plan` | a `Plan` |
| `analysis` | a `Comparison`; without a sequential run those of its fields that apply, `utilisation` (the share of the workers' time that was spent on items) and, for `run`, a `RunOutcome` under `outcome` |
| `sequential_metrics`, `parallel_metrics` | a `RunSummary` each |
| `timeline` | a `Trace` under `sequential` and `parallel` |

`benchmark` holds `command`, `settings` and `machine`, a list of such documents under `scenarios`, each
with its `name`, then `sweeps` (a `Sweep` by scenario), `recommendations` and `regressions` (lists of
such records) and `notes`. It is written anew after each scenario.
"""


def described(path: Path, names: tuple[str, ...]) -> list[str]:
    """Return a section for each record of these names, in their order."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    return [_section(classes[name]) for name in names]


def _section(record: ast.ClassDef) -> str:
    rows = [
        f"| `{ast.unparse(field.target)}` | `{_plain(ast.unparse(field.annotation))}` | {told} |"
        for field, told in _fields(record)
    ]
    told = " ".join((ast.get_docstring(record) or "").split())
    return "\n".join(
        [
            f"## `{record.name}`",
            "",
            told,
            "",
            "| field | type | |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _fields(record: ast.ClassDef) -> list[tuple[ast.AnnAssign, str]]:
    fields = []
    for node, following in zip(record.body, [*record.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign):
            told = ""
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                told = " ".join(str(following.value.value).split())
            fields.append((node, told))
    return fields


def _plain(annotation: str) -> str:
    return annotation.replace("|", "or")


def document() -> str:
    """Return the whole text of docs/export.md."""
    sections = [one for path, names in RECORDS for one in described(ROOT / path, names)]
    return "\n".join([HEAD, *sections]).rstrip("\n") + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "export.md").write_text(document(), encoding="utf-8")
