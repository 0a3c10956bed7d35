"""Posts: writing, changing, deleting and listing them, whom they mention, and what is unread.

Tables: posts and pending_posts. Events: posted, post_edited, post_deleted, post_unread, ephemeral_message.

`service.py` decides what may be written and tells it; `writer.py` gathers posts that arrive together, `insert.py` is
the statement that stores them. `mentions.py`, `markdown.py` and `hashtags.py` read texts and know nothing else;
`keywords.py` remembers for each channel who is called by what. `metadata.py` turns rows into what clients see.
`unpublished.py` tells posts whose node died before it could. `contents.py` says when channels get or lose pins and
files. `move_service.py` takes threads to other channels as copies; `persistence.py` notes whom urgent posts go on
calling.
The surprise: that one statement also moves counters of channels, channel_members, threads and thread_memberships and
attaches files, so that a post costs one round trip; and a post keeps whom it mentioned, so that unread mentions can be
counted again.
"""
