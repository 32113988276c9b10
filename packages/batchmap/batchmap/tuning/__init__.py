"""Choosing backend, workers and batch size from what the first items are measured to cost."""
