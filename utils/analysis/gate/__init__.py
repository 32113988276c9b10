"""Tells whether something got slower than a gate allows, or that this cannot be told.

    intervals.py      between which bounds a ratio of times lies, whatever their distribution
    decision.py       from an interval to a decision, and the records of both
    paired_runs.py    two sides run in turn (`--versus`), until that is decided
    revisions.py      the user's task as it is and at a git revision, as such sides
    saved_figures.py  a benchmark against a saved one (`--against`), which ran at another time

A gate of 0.1 allows up to 10 % more time. Something is slower when the whole interval lies above
that, not slower when none of it does; anything else cannot be told.
"""

from .decision import Decision, GatedFigure, GateResult, RevisionComparison, decide
from .paired_runs import PairedRuns, run_in_turn
from .revisions import compare_revisions
from .saved_figures import gate_against

__all__ = [
    "Decision",
    "GateResult",
    "GatedFigure",
    "PairedRuns",
    "RevisionComparison",
    "compare_revisions",
    "decide",
    "gate_against",
    "run_in_turn",
]
