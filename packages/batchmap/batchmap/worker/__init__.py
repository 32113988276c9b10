"""What runs inside a worker: calling the function on a batch's items and recording what came of each."""
