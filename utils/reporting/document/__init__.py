"""The contents of a report as a document, which each format then writes in its own way."""
