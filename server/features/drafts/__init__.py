"""Drafts: what people have begun to write, on all of their devices.

Table: drafts, one row for each user and channel or thread. Events: draft_created, draft_updated, draft_deleted, for the
user's other connections. The surprise: nobody else may read or delete a draft, administrators neither; and what its
writer can't post any more (not a member, archived, thread deleted) is not shown but kept for a while.
"""
