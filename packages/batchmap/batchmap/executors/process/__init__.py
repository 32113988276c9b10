"""Worker processes of our own, which can be killed one by one.

    pool            the executor: pickles functions and arguments, takes calls, shuts down
    dispatcher      the thread that passes calls to workers and their answers to futures
    call_queue      the calls that wait, and the rule by which workers get them
    worker_set      the processes: starts them, kills those that take too long, ends them
    worker_handle   one worker process and its calls, as this process sees them
    worker_main     the inside of a worker process
    framing         frames over the socket between the two
    spawn           how a process is started safely

They are our own because neither the pool of the standard library nor another tells which item of a
batch crashed its worker, hands over what was finished before, or limits the time of each item.
"""
