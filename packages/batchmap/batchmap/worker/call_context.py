"""The context variables that a call in another thread sees: those of the code that asked for it."""

from __future__ import annotations

import sys
from contextvars import Context, copy_context

from batchmap.core_sharing import inside_call

__all__ = ["copied_context"]


def copied_context() -> Context:
    """Return a copy of the present context, to run one call in, in any thread.

    The context of `decimal` is a variable of it whose value can be changed, so it is copied, too:
    calls that run at once would change each other's.
    """
    context = copy_context()
    context.run(inside_call.set, True)
    if "decimal" in sys.modules:
        context.run(_copy_decimal_context)
    return context


def _copy_decimal_context() -> None:
    import decimal

    decimal.setcontext(decimal.getcontext().copy())
