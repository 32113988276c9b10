"""Real work for the benchmark, on this machine: files, images, a database, a web server."""

from .base import RealWork, WorkItems
from .factory import missing, open_real_work
from .scenarios import REAL_SCENARIOS, RealScenario

__all__ = [
    "REAL_SCENARIOS",
    "RealScenario",
    "RealWork",
    "WorkItems",
    "missing",
    "open_real_work",
]
