"""Results as Parquet: types, schemas, part files, widening."""
