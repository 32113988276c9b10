"""What a result becomes as it is written: JSON, and the values of other libraries."""
