"""Results as rows of CSV and TSV: columns, cells."""
