"""What a command tells others of itself: a summary, metrics, and a page while it runs.

    monitoring.py      what was asked for, opened before the work begins and completed at its end
    job_observer.py    the figures of a run, from its records
    run_totals.py      failures by type, retries, and a histogram of the items' times
    run_figures.py     the figures as a record: what all else is made of
    telling.py         tells them once a second, in a thread of its own
    shared_text.py     hands the figures from a child process to its parent
    command_summary.py the object that `--summary-json` writes
    metrics_text.py    the figures in Prometheus' text form, for `--metrics-file`
    metrics_file.py    that file, written anew again and again
    earlier_file.py    what a file holds that is to be replaced must be of an earlier command
    live_page.py       the figures as a page, for `--live`
    live_answers.py    which requests get the page, and which are refused
    live_server.py     the server of the page

A command's work may be done by a child process, and by another one when an item has ended that. So
the parent opens the socket of the page, the child serves it and tells its figures once a second
through shared memory, and the parent writes the last state of the files where the child could not.
"""
