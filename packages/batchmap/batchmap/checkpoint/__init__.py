"""Exactly-once output: what is pending, what is done, and how an interrupted run goes on."""
