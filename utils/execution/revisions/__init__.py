"""The user's task as it is and as it was at a git revision, each in a process of its own.

checkout.py      the revision's files, in a temporary directory
task_side.py     a process that has the task of one side, as its parent sees it
messages.py      what is asked of it, and what it answers
task_process.py  what runs in it
"""

from .checkout import Checkout, checked_out
from .messages import RunTime, SidePlan, SideRequest
from .task_side import MeasuringStopped, TaskSide, open_side

__all__ = [
    "Checkout",
    "MeasuringStopped",
    "RunTime",
    "SidePlan",
    "SideRequest",
    "TaskSide",
    "checked_out",
    "open_side",
]
