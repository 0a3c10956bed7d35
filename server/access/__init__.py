"""Who calls and what they may: sessions, roles, permissions and the guards of routes.

Reads sessions, users, roles, memberships and channels, all through the cache; writes nothing. Whoever writes one
of those tables drops the tags: "session:<id>", "user:<id>", "roles", "channel:<id>", "team:<id>",
"member:<channel_id>:<user_id>", "teams_of:<user_id>".
"""
