"""Cuts items into batches and keeps a bounded number of them in flight.

    items -> batching.cut -> batches -> scheduler -> batch records -> in_order

`adaptive_batches` sizes batches by what is measured while the run goes on; `rate_limiter` says how
fast items may start, by a `rate_window` for each rate, and `rated_starts` holds the scheduler to
it; `keyed_starts` bounds what runs at once of each key, and `throttle` looks at memory.
`next_batches` takes from `retry_queue`, which holds what runs again, and from the input;
`live_source` iterates a source that one would have to wait for. To change what is retried or how a
crash is handled, see `scheduler`.
"""
