"""Status: who is online, away, busy or offline; typing; custom statuses.

Table: status. Events: status_change (to the user's own sockets only: others ask), typing. Signal: StatusesChanged.

`service.py` is what other features use: `statuses_of`, `set_online`. `memory.py` is what a node knows of statuses, kept
true by the signal, so that polling them costs no query. `presence.py` turns sockets and activity into statuses, in
batches: PostgreSQL holds the statuses, Redis which node each user is connected to (`connections.py`), so that the
users of a node that was killed go offline too. `custom.py` keeps the custom status, which is a prop of the user.
The surprise: `set_online` only takes a note; who reads the status of such a user waits until it is written.
"""
