"""Threads: root posts with replies, who follows them, and what of them is unread.

Tables: threads and thread_memberships. A reply moves both in the statement that writes it (posts/insert.py), deleting
one in posts/delete_queries.py; this package writes what users do with threads: follow, read, set unread. Events:
thread_updated, thread_follow_changed, thread_read_changed, each to the user's own sockets. `collapsed.py` says who has
collapsed threads. The surprise: unread replies are counted from the time of the last look, unread mentions are kept.
"""
