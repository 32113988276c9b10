"""Batches: their sizes, how many are in flight, what is retried, the order of records."""
