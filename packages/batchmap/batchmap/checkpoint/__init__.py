"""Exactly-once output: what is pending, what is done, and how an interrupted run goes on.

`checkpoint.session` opens all of it for a run, but for its input, which `open_input` does.
"""

from batchmap.checkpoint.completion_log import CompletionLog, FailureSpool
from batchmap.checkpoint.failure_stats import FailureLimit
from batchmap.checkpoint.journal import Journal
from batchmap.checkpoint.pending_items import PendingItems
from batchmap.checkpoint.recorder import Recorder
from batchmap.checkpoint.result_writer import MAX_BATCH_ITEMS

__all__ = [
    "MAX_BATCH_ITEMS",
    "CompletionLog",
    "FailureLimit",
    "FailureSpool",
    "Journal",
    "PendingItems",
    "Recorder",
]
