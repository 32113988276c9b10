"""This repository's own modules under one name, so that a task's `utils` or `nodes` comes first.

`workbook.utils`, `workbook.nodes` and `workbook.graphs` are links to the files at the top. The
command line imports them from here and keeps the top itself out of `sys.path`: a task beside files
called `utils.py`, `nodes.py` or `graphs.py` then imports its own.
"""
