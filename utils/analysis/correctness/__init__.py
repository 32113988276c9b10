"""Whether two runs gave the same results, and if not, where they differ and why."""
