"""Chooses backend, workers and batch size from what the first items are measured to cost.

`inline` runs items in a plain loop while nothing else could pay; `profiler` measures the first
items and probes the GIL; `transfer_cost` measures pickling; `backend_choice` holds the rules by
which a plan follows from that. To change what is chosen, see `backend_choice`.
"""
