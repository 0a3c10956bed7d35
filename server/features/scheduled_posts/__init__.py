"""Scheduled posts: written now, sent when their time comes.

Table: scheduled_posts. Events: scheduled_post_created, scheduled_post_updated, scheduled_post_deleted, to the author's
own sockets; what is sent is told as any post. `service.py` is what authors do, `sending_service.py` what the timer of
`jobs.py` does on every node at once. The surprise: each row knows the id of the post that it becomes. A node that dies
between writing the post and forgetting the row leaves the row to another one, which finds the post and forgets it too.
"""
