"""Embedded PostgreSQL and Redis, for development and for tests: real servers in a private directory.

`postgres.py` and `redis.py` each hold one class that starts, watches and stops one server; `leash.py` is the
small program that every server is started through, so that none outlives the process that started it.

Both listen on Unix sockets alone: no port can be taken, and no other user of the machine can connect.
PostgreSQL refuses to run as root; it then gets an ordinary account, for which the directories above its data
are made passable.
"""
