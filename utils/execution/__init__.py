"""One run over all items, and what is measured of it."""
