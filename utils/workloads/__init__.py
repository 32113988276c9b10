"""The built-in workloads: simulated waits, real work, and the scenarios of the benchmark."""
