"""Files: uploaded whole or in parts, attached by posts, downloaded with small pictures of them.

Tables: files and upload_sessions; the statement that writes a post (posts/insert.py) sets files.post_id. No events of
its own: `posted` brings the files of a post. What is in a file lies in the store under its id (`places.py`), never
under the name that its uploader gave it. The surprise: a file of a deleted post stays in the store, since the post may
be asked for by administrators; only what is erased for good (files.erase_at) is removed, by a job, and so is what was
uploaded and not used for a week.
"""
