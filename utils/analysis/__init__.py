"""What the measurements of runs mean: where time went, what was possible, whether results match."""
