"""The parts of a report, independent of whether they become HTML or Markdown."""
