"""Cuts items into batches and keeps a bounded number of them in flight.

    items -> batching.cut -> batches -> scheduler -> batch records -> in_order

`adaptive_batches` sizes batches by what is measured while the run goes on; `limits` and `throttle`
say how fast items may start, `retry_queue` holds what runs again, and `live_source` iterates a
source that one would have to wait for. To change what is retried or how a crash is handled, see
`scheduler`.
"""
