"""Reactions: emojis that people put to posts.

Table: reactions; posts.has_reactions and posts.update_at move along. Events: reaction_added, reaction_removed. The
surprise: taken back means gone, no row is kept.
"""
