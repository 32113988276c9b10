"""Rows of a query: SQLite and PostgreSQL."""
