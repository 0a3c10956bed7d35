"""Background work: jobs are stored in PostgreSQL by the commit that causes them and run by any node.

`job.py` is what the rest of the server enqueues, `handlers.py` says what runs a job and what runs periodically,
`runner.py` is the part of a node that does it, and keeps the timers of what is due at a moment. Writes the table jobs.
Jobs run at least once: a node that dies gives its jobs back after LEASE. The surprise: an own queue of one table, since
it must write in the caller's transaction.
"""
