"""Stop-gap."""

from __future__ import annotations

from textwrap import wrap

from batchmap.metrics import RunSummary
from batchmap.records import Plan, RunOutcome

__all__ = ["render_plan", "render_summary"]


def render_plan(plan: Plan) -> str:
    """Return what a run would do."""
    predicted = "not measured" if plan.predicted_s is None else f"{plan.predicted_s:.2f}s"
    lines = [
        f"Backend: {plan.backend}",
        f"Workers: {plan.workers}",
        f"Batch size: {plan.batch_size}",
        *plan.why,
        f"Predicted time: {predicted}",
    ]
    out = ["Plan"]
    for line in lines:
        out += wrap(f"- {line}", 80, subsequent_indent="  ", break_long_words=False)
    return "\n".join(out) + "\n"


def render_summary(outcome: RunOutcome, metrics: RunSummary, plan: Plan) -> str:
    """Return the summary."""
    return f"Run\n- Results: {outcome.written:,} in {outcome.output}\n"
