"""What the calls of the library have in common: options, streams of records, progress."""
