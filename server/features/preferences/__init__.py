"""Preferences: small values that clients keep for their user on the server, by category and name.

Table: preferences. Events: preferences_changed, preferences_deleted, to the user's own sockets. A write of
categories that somebody listens to, and every removal, drops the tag "preferences:<user_id>". The surprise: some
categories mean something to the server (flagged_post, favorite_channel), so their names are checked, and features that
mirror or remember them hang their listeners into `service.SAVED` and `service.DELETED`, which run inside the
transaction of the write. Small writes of all others are statements that commit by themselves, with a pledge around
them.
"""
