"""Items of JSON: arrays, documents, values under a path, and JSON as its standard has it."""
