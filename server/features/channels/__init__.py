"""Channels of all four kinds (O open, P private, D direct, G group) and their members with read counters.

Tables: channels, channel_members; posts move their counters along with each post (see features/posts).
Events: channel_created, channel_updated, channel_converted, channel_deleted, channel_restored,
channel_member_updated, direct_added, group_added, user_added, user_removed, multiple_channels_viewed.

    service.py          create, change, archive, move; direct.py: direct and group channels
    member_service.py   join, add, leave, remove; default_channels.py: those that a team brings along
    role_service.py     roles and notify props of members;  read_service.py: what a user has seen of channels
    read_marks.py       writes what users have seen, for many at once and without waiting for the disk
    rooms.py            where the members of a channel are reached
    counts.py           how many members, pins and files a channel has, as nodes remember it

The surprising decision: D and G channels have no topic of their own on the bus, their events go to the topics of
their members; and a newcomer starts with msg_count 0 and last_viewed_at 0, so that older posts count as unread.
"""
