"""Background work: jobs are stored in PostgreSQL by the commit that causes them and run by any node."""
