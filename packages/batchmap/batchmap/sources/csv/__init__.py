"""Rows of CSV and TSV: the delimiter, the header, quotes, lines."""
