"""Worker processes of our own, which can be killed one by one."""
