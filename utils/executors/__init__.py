"""The ways to run batches, each a `concurrent.futures.Executor`, opened by name."""

from utils.executors._door import WorkerExecutor, open_executor

__all__ = ["WorkerExecutor", "open_executor"]
