"""What runs inside a worker: calls the function on a batch's items and records what came of each.

    executor -> BatchProcessor.process(batch) -> function(item), item by item -> BatchRecord

`processor` holds the loop, `record_builder` what came of the items so far, `monitor` how an
executor learns which item runs, `failures` what is kept of exceptions, `interruption` which of them
are the caller's, `back_off` the waits between attempts, `coroutine_batch` the items that run side
by side, `coroutine_guard` when each of them starts and how long it may take, `coroutine_results`
the coroutines that plain functions return, `event_loop` the loop that coroutines run in, `setup`
and `setup_in_loop` what makes a worker ready and is undone when it leaves, `worker_scope` what each
worker has made so, `worker_function` the functions that are called with it, `call_context` the
context variables that calls in threads see, and `forked_child` the end of a process that an item
forked. Retries of `run` are the scheduler's.
"""
