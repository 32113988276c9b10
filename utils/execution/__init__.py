"""One run over all items: what it runs over, its plan, and what is measured of it."""

from .items import built_in_function, open_items, total_of
from .planning import plan_run
from .run import RunRequest, RunResult, execute_run, run_items
from .trace import Environment, Round, Span, Trace

__all__ = [
    "Environment",
    "Round",
    "RunRequest",
    "RunResult",
    "Span",
    "Trace",
    "built_in_function",
    "execute_run",
    "open_items",
    "plan_run",
    "run_items",
    "total_of",
]
