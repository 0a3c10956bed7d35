"""Bots: users that programs act as, each with an owner who manages it. They get in with access tokens only.

Writes the table bots, and of the bots' own rows in users the name, the description and when the icon was set.
Events: none of its own; those of users tell of new, changed and deactivated bots. The surprise: a bot has no switch
of its own, it is disabled by deactivating its user, whichever way that happens.
"""
