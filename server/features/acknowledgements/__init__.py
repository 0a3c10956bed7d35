"""Acknowledgements: readers confirm that they have seen a post that asks for it.

Table: post_acknowledgements; they also count as changes of their posts. Events: post_acknowledgement_added and
post_acknowledgement_removed to the channel. The surprise: nobody confirms in another one's name, not even
administrators, and posts show their confirmations by SQL of their own (`posts/models.py`).
"""
