"""Persistent notifications: an urgent post goes on calling those whom it names until they answer.

Table: persistent_notifications. Events: persistent_notification_triggered, to each receiver that still waits.
`posts/persistence.py` checks who is to be called and stores that just before the post; the sweep of `jobs.py` calls.
The surprise: nobody tells this package of replies, reactions and acknowledgements, it looks for them when it is time
to call again. So writing those costs nothing.
"""
