"""Measurements: the workbook against its peers and against plain processes."""
