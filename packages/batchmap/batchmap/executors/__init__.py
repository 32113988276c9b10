"""The ways to run batches, each a `concurrent.futures.Executor`, opened by name."""

from batchmap.executors.base import EXECUTORS, WorkerExecutor, open_executor

__all__ = ["EXECUTORS", "WorkerExecutor", "open_executor"]
