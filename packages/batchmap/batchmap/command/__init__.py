"""The command line `batchmap run`: options, task, signals, supervision, progress and summary."""
