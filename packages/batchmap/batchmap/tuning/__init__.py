"""Chooses backend, workers and batch size from what the first items are measured to cost.

inline           items in a plain loop, while nothing else could pay
  inline_chunk   some of them, which can be cut short at one that takes long
  inline_thread  the thread that runs them
adaptive_run     the phases of a run that is planned while it goes on
profiler         measures the first items, and decides how to go on
  usage_window   what they have used, and which part of that counts
  long_item      an item that takes long, seen while it runs
  thread_meter   what a thread computes, and how long it waits
  gil_probe      whether the function holds the GIL
  transfer_cost  what it costs to send the function and its items
backend_choice   the rules by which a plan follows from that; to change what is chosen, look here
thread_affinity  functions that work in the calling thread alone
default_plan     plans for a backend that was asked for
run_concurrency  has a run keep to what another side bears at once, while its plan says so
  adaptive_concurrency  finds that from the records of the run, and tells it
  concurrency_limit     how many may run at once, by latency_gradient and refusals
  other_side            whether there is another side at all
"""
