"""One run over all items: what it runs over, its plan, and what is measured of it."""

from .items import built_in_function, open_items, total_of
from .phase import Phase
from .planning import plan_run
from .run import RunRequest, RunResult
from .trace import Environment, Round, RoundsEnvironment, Span, Trace

__all__ = [
    "Environment",
    "Phase",
    "Round",
    "RoundsEnvironment",
    "RunRequest",
    "RunResult",
    "Span",
    "Trace",
    "built_in_function",
    "open_items",
    "plan_run",
    "total_of",
]
