"""Rows of Parquet files and of directories of them."""
