"""How each user sorts the channels of a team: favorites, channels, direct messages, and categories of the user's own.

Tables: sidebar_categories, sidebar_channels. Events: sidebar_category_created, sidebar_category_updated,
sidebar_category_deleted, sidebar_category_order_updated.

The default categories are made when they are first read. A channel without a row in sidebar_channels is in
"Channels" or, when direct or group, in "Direct Messages". The favorites mirror the preference favorite_channel:
listeners.py hears of changes there, service.py writes them when a category changes.
"""
