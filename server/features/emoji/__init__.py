"""Emojis: the names that every client has a picture for, and custom ones that people upload.

Table: custom_emojis; the pictures lie in the store of files. Event: emoji_added. Deleting one also takes the reactions
with it from posts, by a job. The surprise: each node remembers all custom emojis (`known.py`), since every page of
posts tells which of them its messages and reactions use.
"""
