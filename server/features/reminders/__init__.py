"""Reminders: a user wants to be reminded of a post at a time, by a message of the system bot.

Table: post_reminders. Events: an ephemeral message to the user that confirms it. The surprise: each row knows the id
of the message that it becomes, so that nodes which die and nodes which hurry send one message only.
"""
