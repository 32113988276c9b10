"""Worker processes of our own, which can be killed one by one.

    pool            the executor: pickles functions and arguments, takes calls, shuts down
    dispatcher      the thread that passes calls to workers and their answers to futures
    call_queue      the calls that wait, and the rule by which workers get them
    worker_set      the processes: starts them, kills those that take too long, ends them
    worker_handle   one worker process and its calls, as this process sees them
    settlements     what settles the calls' futures, where no lock is held
    running_items   the shared memory in which workers note what they run

    spawn           whether there can be workers, and whether by a fork of this process
    direct_fork     workers that are forks of this process
    fork_client     workers that the fork server has forked, as this process sees them
    fork_server     the fork server, for processes that cannot be forked
    process_tree    kills processes with all that they have started

    worker_process  makes a process that was forked a worker, and ends it
    worker_main     the inside of a worker: takes calls
    item_monitor    notes which item runs there
    item_forks      lets a process that an item forks be no worker
    caller_state    what the caller has set up, for workers that are no fork of it
    forwarding      sends what items log, print and warn of to the caller
    caller_logging  log records, handled in the caller
    caller_streams  what is printed where the caller has replaced its standard streams
    caller_warnings warnings, shown or recorded in the caller
    tracker_relay   the resource tracker of multiprocessing, shared with the caller
    framing         frames over the socket between the two
    sockets         the sockets, and what wakes a thread that waits for them
    payload         what a frame carries: a pickle, and the segment with what is large of it
    out_of_band     pickles NumPy and Arrow with their memory out of the pickle
    segment         memory without a name, written once and mapped copy-on-write

They are our own because neither the pool of the standard library nor another tells which item of a
batch crashed its worker, hands over what was finished before, or limits the time of each item.
"""
