"""Batches: how large they are, how many are in flight, what is retried, and in which order records come."""
