"""The built-in workloads: simulated waits with real work, real work alone, and their scenarios.

The scenarios of real work, in `real`, have an interface of their own.
"""

from .built_in import WORKLOADS, SimulatedFailure, Workload
from .generated_items import GeneratedItems
from .scenarios import SCENARIOS, Scenario

__all__ = [
    "SCENARIOS",
    "WORKLOADS",
    "GeneratedItems",
    "Scenario",
    "SimulatedFailure",
    "Workload",
]
