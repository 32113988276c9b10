"""What runs inside a worker: calls the function on a batch's items, records what came of each."""
