"""Real work on this machine for the benchmark, instead of simulated waits."""

from utils.real_work._opening import missing, open_real_work
from utils.real_work._scenarios import REAL_SCENARIOS, RealScenario
from utils.real_work._work import RealWork, WorkItems

__all__ = [
    "REAL_SCENARIOS",
    "RealScenario",
    "RealWork",
    "WorkItems",
    "missing",
    "open_real_work",
]
