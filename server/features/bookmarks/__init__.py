"""Bookmarks: links and files that stand above a channel for all of its members.

Table: channel_bookmarks; the queries of files note which bookmark shows a file. Events: channel_bookmark_created,
channel_bookmark_updated, channel_bookmark_deleted, channel_bookmark_sorted. The surprise: who changes another one's
bookmark gets a new one of their own in its place, and the old one is deleted.
"""
