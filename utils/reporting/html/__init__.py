"""Reports as one HTML page with charts."""
