"""Results as rows of a database table."""
