"""Searching posts and files by words, people, channels and days.

Tables: post_terms, file_terms and posts_to_note; the statement that writes a post (posts/insert.py) also writes its
terms. No events.

`terms.py` makes terms of texts, `syntax.py` takes searches apart, `service.py` turns names into ids and decides what
the caller may find, `queries.py` finds it. `listeners.py` and `jobs.py` keep the terms up with edits and uploads. The
surprise: there is no ranking and no limit of candidates, only the newest hits, found in one of two ways (queries.py).
"""
