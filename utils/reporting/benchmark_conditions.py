"""What the figures of a benchmark depend on, so that only those under the same are compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..cli.settings import Settings

__all__ = ["QUICK_SHARE", "benchmark_conditions"]

QUICK_SHARE = 0.1
"""The share of the simulated waits that `--quick` keeps."""


def benchmark_conditions(settings: Settings) -> Mapping[str, str | float | None]:
    """Return what the figures depend on besides the scenarios, by name."""
    conditions: dict[str, str | float | None] = {
        "retries": settings.retries or 0,
        "rate": None if settings.rate is None else " and ".join(map(str, settings.rate)),
        "timeout": settings.timeout_s,
        "batch size": settings.batch_size,
    }
    if settings.input is not None:
        file = Path(settings.input)
        return conditions | {
            "input": " ".join((settings.input, *settings.more_sources)),
            "input's size": file.stat().st_size if file.is_file() else None,
        }
    return conditions | {
        "suite": settings.suite,
        "latency": settings.latency_s * (QUICK_SHARE if settings.quick else 1),
        "failure rate": settings.failure_rate,
        "seed": settings.seed,
    }
